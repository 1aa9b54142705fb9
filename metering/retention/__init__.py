"""How long single events are kept, what has to be settled before a month of them goes, and what can't be done without
them afterwards."""
