        claims, identity,
