#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "virga/base/result.h"

namespace virga {

// Lower-case hexadecimal.
std::string to_hex(std::span<const std::uint8_t> bytes);
Result<std::string> from_hex(std::string_view text);

// RFC 4648 with padding; the decoder refuses anything else (spaces, missing padding, URL alphabet).
std::string to_base64(std::string_view bytes);
Result<std::string> from_base64(std::string_view text);

// RFC 3986: everything but ALPHA DIGIT - . _ ~ becomes %XX in upper case.
enum class Slash { Encode, Keep };
std::string percent_encode(std::string_view text, Slash slash = Slash::Encode);
// Fails on a '%' without two hexadecimal digits behind it. '+' stays '+'.
Result<std::string> percent_decode(std::string_view text);

// Strictly valid UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);
bool is_ascii(std::string_view bytes);

// ASCII only, so that a locale never changes a protocol.
std::string to_lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);  // spaces and tabs at both ends

}  // namespace virga
