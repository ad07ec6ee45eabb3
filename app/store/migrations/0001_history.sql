-- Times are seconds since 1970 (UTC). `seq` keeps the order of writing even when the clock jumps.
-- Columns that hold JSON say so. Ids are random texts made by the program.

CREATE TABLE folders (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  parent_id TEXT REFERENCES folders (id) ON DELETE SET NULL,
  title TEXT NOT NULL,
  position REAL NOT NULL DEFAULT 0,
  created REAL NOT NULL
);

CREATE TABLE conversations (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  task TEXT NOT NULL DEFAULT 'chat',
  title TEXT NOT NULL DEFAULT '',
  draft TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  engine TEXT NOT NULL DEFAULT '',
  system TEXT NOT NULL DEFAULT '',
  knobs TEXT NOT NULL DEFAULT '{}', -- JSON object, as asked
  folder_id TEXT REFERENCES folders (id) ON DELETE SET NULL,
  pinned INTEGER NOT NULL DEFAULT 0,
  -- The first message of the branch that is shown.
  active_root_id TEXT REFERENCES messages (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  deleted REAL -- when it was put away; NULL: it was not
);

CREATE INDEX conversations_updated ON conversations (updated);

CREATE TABLE tags (
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  PRIMARY KEY (conversation_id, tag)
) WITHOUT ROWID;

CREATE TABLE experiments (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL DEFAULT '',
  recipe TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL DEFAULT 'planned',
  plan TEXT NOT NULL DEFAULT '{}', -- JSON object: lanes, schedule, inputs
  result TEXT NOT NULL DEFAULT '{}', -- JSON object: verdicts, quality, sentence
  created REAL NOT NULL,
  updated REAL NOT NULL,
  deleted REAL
);

CREATE TABLE runs (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  task TEXT NOT NULL,
  model TEXT NOT NULL,
  variant TEXT NOT NULL,
  engine TEXT NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL DEFAULT '',
  knobs TEXT NOT NULL DEFAULT '{}', -- JSON object: asked, effective, notes
  metrics TEXT NOT NULL DEFAULT '{}', -- JSON object
  memory TEXT NOT NULL DEFAULT '{}', -- JSON object
  runs TEXT NOT NULL DEFAULT '[]', -- JSON array: each repeat's metrics
  notes TEXT NOT NULL DEFAULT '[]', -- JSON array of texts
  record TEXT NOT NULL DEFAULT '{}', -- JSON object: the rest of METRICS' run record
  experiment_id TEXT REFERENCES experiments (id) ON DELETE SET NULL,
  lane TEXT,
  block INTEGER,
  created REAL NOT NULL
);

CREATE INDEX runs_task ON runs (task);
CREATE INDEX runs_experiment ON runs (experiment_id);

CREATE TABLE messages (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  parent_id TEXT REFERENCES messages (id) ON DELETE CASCADE,
  -- Messages with one parent are versions of one another; the parent names the one that is shown.
  active_child_id TEXT REFERENCES messages (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  version INTEGER NOT NULL DEFAULT 1,
  role TEXT NOT NULL,
  content TEXT NOT NULL DEFAULT '',
  reasoning TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL, -- done, streaming, cancelled, error, interrupted
  writer TEXT, -- the open store that streams it, see app/store/presence.py
  run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
  lane TEXT,
  created REAL NOT NULL,
  edited REAL
);

CREATE INDEX messages_conversation ON messages (conversation_id);
CREATE INDEX messages_parent ON messages (parent_id);
CREATE INDEX messages_active_child ON messages (active_child_id);
CREATE INDEX messages_run ON messages (run_id);
CREATE INDEX messages_streaming ON messages (writer) WHERE status = 'streaming';
CREATE INDEX conversations_active_root ON conversations (active_root_id);

CREATE TABLE attachments (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  kind TEXT NOT NULL, -- image, audio, video, document
  name TEXT NOT NULL,
  mime TEXT NOT NULL DEFAULT '',
  path TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  created REAL NOT NULL
);

CREATE INDEX attachments_message ON attachments (message_id);

CREATE TABLE loads (
  seq INTEGER PRIMARY KEY,
  created REAL NOT NULL,
  engine TEXT NOT NULL,
  model TEXT NOT NULL,
  variant TEXT NOT NULL,
  device TEXT NOT NULL,
  knobs TEXT NOT NULL DEFAULT '{}', -- JSON object, effective
  estimate_bytes INTEGER,
  base_bytes INTEGER, -- the formula's part of the estimate
  model_bytes INTEGER,
  runtime_bytes INTEGER,
  phases TEXT NOT NULL DEFAULT '{}' -- JSON object: import_s, read_s, prime_s …
);

CREATE INDEX loads_engine ON loads (engine, device);

CREATE TABLE preferences (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL -- JSON
) WITHOUT ROWID;
