"""What rpm has installed, from its database as bytes: SQLite's, its own "ndb", or Berkeley DB's."""
