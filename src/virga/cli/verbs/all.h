#pragma once

#include <memory>

#include "virga/cli/verbs.h"

// Each verb's file defines these two.
namespace virga::cli {

extern const char kDevExamples[];
std::unique_ptr<Verb> make_dev();
extern const char kServeExamples[];
std::unique_ptr<Verb> make_serve();

}  // namespace virga::cli
