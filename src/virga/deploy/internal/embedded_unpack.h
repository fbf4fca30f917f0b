#pragma once

#include <string_view>

namespace virga::deploy {

// The static program virga-unpack, put here at build time.
std::string_view embedded_unpack();

}  // namespace virga::deploy
