#include "virga/server/repair.h"

#include <filesystem>

#include "virga/catalog/catalog.h"
#include "virga/server/open_store.h"
#include "virga/server/service_user.h"

namespace virga::server {

Result<std::vector<std::string>> repair(const std::string& data_directory) {
  std::error_code error;
  if (!std::filesystem::exists(data_directory, error)) {
    return fail(ErrorCode::NotFound, data_directory + " does not exist: name the data folder with --data DIR");
  }
  VIRGA_TRY(become_owner(data_directory));
  VIRGA_TRY_ASSIGN(auto store, open_store(data_directory));
  return catalog::Catalog::set_aside_damaged(*store);
}

}  // namespace virga::server
