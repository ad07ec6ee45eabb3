"""The bones that pages share: top bar, folding columns, inspector, list of messages."""
