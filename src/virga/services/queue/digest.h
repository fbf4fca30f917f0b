#pragma once

#include <span>
#include <string>
#include <string_view>

#include "virga/services/queue/message.h"

namespace virga::services::queue {

// The digests by which clients of Amazon SQS check what arrived. MD5 is the protocol's choice and protects nothing.
// 32 hexadecimal digits in lower case.
std::string md5_hex(std::string_view bytes);
// Of attributes in the order of their names (developer guide, "Calculating the MD5 message digest for message
// attributes").
std::string md5_of(std::span<const Attribute> attributes);

}  // namespace virga::services::queue
