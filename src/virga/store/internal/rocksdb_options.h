#pragma once

#include <rocksdb/env.h>
#include <rocksdb/options.h>

namespace virga::store::internal {

// How the store's RocksDB is set up. `env` is the disk; it outlives the database.
rocksdb::Options make_options(rocksdb::Env& env);

}  // namespace virga::store::internal
