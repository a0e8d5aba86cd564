"""Files written by scripts; do not edit them."""
