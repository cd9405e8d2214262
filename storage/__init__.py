"""The database: the only place that knows SQL. One module of queries per aggregate."""
