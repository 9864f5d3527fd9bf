//! Grant tables: lending pages to other domains, and using what they lend.
