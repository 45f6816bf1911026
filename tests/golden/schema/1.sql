-- application_id 0x50726f62, user_version 1
CREATE TABLE probe_state (
    probe TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (probe, key)
) STRICT, WITHOUT ROWID;
