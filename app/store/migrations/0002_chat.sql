-- Messages that were put away; a message's descendants are put away with it, at the same moment.
ALTER TABLE messages ADD COLUMN deleted REAL;

-- Also what counts the versions of a message.
CREATE INDEX messages_siblings ON messages (conversation_id, parent_id, seq) WHERE deleted IS NULL;
CREATE INDEX conversations_folder ON conversations (folder_id);

-- The conversation that a run was asked in, also one whose answer was gone on with or left: it goes with it for ever.
ALTER TABLE runs ADD COLUMN conversation_id TEXT;
CREATE INDEX runs_conversation ON runs (conversation_id);

-- What can be searched. An answer is taken in once it is whole.
CREATE VIEW message_texts AS SELECT seq, content FROM messages WHERE status <> 'streaming' AND deleted IS NULL;

-- The index holds trigrams only; it is brought up to date by app/store/index.py at the end of each transaction,
-- from the list below. (Triggers may not write to a virtual table while the schema is not trusted.)
CREATE VIRTUAL TABLE message_index USING fts5 (
  content, content = 'message_texts', content_rowid = 'seq', tokenize = 'trigram'
);

-- was: the text that the index holds for this message, NULL if it holds none.
CREATE TABLE unindexed (seq INTEGER PRIMARY KEY, was TEXT);

CREATE TRIGGER messages_added AFTER INSERT ON messages
WHEN new.status <> 'streaming' AND new.deleted IS NULL
BEGIN
  INSERT INTO unindexed (seq, was) VALUES (new.seq, NULL) ON CONFLICT (seq) DO NOTHING;
END;

CREATE TRIGGER messages_changed AFTER UPDATE OF content, status, deleted ON messages
WHEN (old.status <> 'streaming' OR new.status <> 'streaming')
  AND (old.content IS NOT new.content OR old.deleted IS NOT new.deleted
    OR (old.status = 'streaming') <> (new.status = 'streaming'))
BEGIN
  INSERT INTO unindexed (seq, was)
  VALUES (old.seq, CASE WHEN old.status <> 'streaming' AND old.deleted IS NULL THEN old.content END)
  ON CONFLICT (seq) DO NOTHING;
END;

CREATE TRIGGER messages_removed AFTER DELETE ON messages
WHEN old.status <> 'streaming' AND old.deleted IS NULL
BEGIN
  INSERT INTO unindexed (seq, was) VALUES (old.seq, old.content) ON CONFLICT (seq) DO NOTHING;
END;

INSERT INTO message_index (message_index) VALUES ('rebuild');
