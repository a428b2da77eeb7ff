//! Collections in partitions, for programs that use [`brisk_client`].
#![forbid(unsafe_code)]
