#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/base/result.h"
#include "virga/model/alias.h"
#include "virga/model/function.h"
#include "virga/model/layer.h"
#include "virga/model/package.h"
#include "virga/model/url.h"

namespace virga::catalog::internal {

// Records as they lie in the store: a JSON object with the member "format", 1. A reader ignores members it does not
// know and gives those that are missing their default, so a member may be added without a new format. Encoding fails
// with InvalidArgument for text that is not UTF-8, decoding with DataLoss; the message names the member.

struct FunctionRecord {
  model::Function function;
  std::uint64_t next_version = 1;
};
// A layer or a retired function: nothing but the next number.
struct NumberRecord {
  std::uint64_t next_version = 1;
};
struct AttachmentRecord {
  std::string json;
};

template <typename Record>
Result<std::string> encode(const Record& record);
template <typename Record>
Result<Record> decode(std::string_view bytes);

}  // namespace virga::catalog::internal
