#include "virga/server/open_store.h"

#include "virga/server/keys.h"
#include "virga/store/rocksdb/rocksdb_store.h"
#include "virga/store/sealed/sealed_store.h"

namespace virga::server {

Result<std::unique_ptr<store::Store>> open_store(const std::string& data_directory) {
  // The lock on the folder comes first: two daemons must not make a key each.
  VIRGA_TRY_ASSIGN(auto records, store::open_rocksdb(data_directory));
  VIRGA_TRY_ASSIGN(auto key, load_or_make_store_key(data_directory));
  return store::seal(std::move(records), key);
}

}  // namespace virga::server
