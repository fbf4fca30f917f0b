#pragma once

#include <string_view>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"

namespace virga::sandbox {

// The programs embedded in this one. virga has virga-spawn in it, virga-spawn has virga-init.
std::string_view embedded_spawn();
std::string_view embedded_init();

// An anonymous file with this content that nobody can change any more, to be run by execveat().
Result<os::Descriptor> sealed_image(const char* name, std::string_view content, unsigned mode);

}  // namespace virga::sandbox
