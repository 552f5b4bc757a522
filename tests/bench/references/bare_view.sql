-- The tables of bare_view.py; the owner of the test database makes and removes them.
CREATE TABLE bare_token (id bigserial PRIMARY KEY, digest varchar(64) UNIQUE NOT NULL, name varchar(100) NOT NULL);
CREATE TABLE bare_message (
    id uuid PRIMARY KEY, token_id bigint NOT NULL REFERENCES bare_token DEFERRABLE INITIALLY DEFERRED,
    "to" text[] NOT NULL, subject text NOT NULL, body_text text NOT NULL, created_at timestamptz NOT NULL
);
CREATE INDEX bare_message_token ON bare_message (token_id);
GRANT ALL ON bare_token, bare_message TO PUBLIC;
