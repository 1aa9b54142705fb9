"""The admin site: unfold's, with the project's own pages beside the model pages."""

from unfold.sites import UnfoldAdminSite


class AmberflowAdminSite(UnfoldAdminSite):
    """The back office."""
