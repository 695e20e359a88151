//! The providers we ship: `catalog/*.yaml`, one provider one file, the same keys as in `portunus.yaml`.
