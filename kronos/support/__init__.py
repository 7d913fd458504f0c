"""Support bundles: `kronos support-bundle`. They contain only what is on a list."""
