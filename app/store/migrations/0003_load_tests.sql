-- Load tests of servers. They have no runs: each request's times are in the result.
CREATE TABLE load_tests (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  engine TEXT NOT NULL DEFAULT '',
  url TEXT NOT NULL DEFAULT '', -- of the server, without a key; '' where it was started for the test
  status TEXT NOT NULL DEFAULT 'done', -- running, done, cancelled, failed
  result TEXT NOT NULL DEFAULT '{}', -- JSON object: app.lab.loadtest's LoadResult
  created REAL NOT NULL,
  updated REAL NOT NULL,
  deleted REAL
);
