        , %(claims)s::smallint[], %(identity)s::uuid[]
