//! Typed hypercall wrappers from tables of operations. Nothing yet: see the changelog.
