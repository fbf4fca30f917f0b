#include "virga/model/package.h"

#include "virga/base/encoding.h"

namespace virga::model {

std::string code_sha256(const PackageId& id) {
  Result<std::string> digest = from_hex(id.text());
  if (!digest || digest->size() != 32) return {};
  return to_base64(*digest);
}

}  // namespace virga::model
