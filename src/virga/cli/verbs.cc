#include "virga/cli/verbs.h"

#include "virga/cli/verbs/all.h"

namespace virga::cli {

namespace {

constexpr VerbEntry kVerbs[] = {
    {"dev", "serve a folder's functions while you write them", kDevExamples, make_dev},
    {"serve", "run the server", kServeExamples, make_serve},
};

}  // namespace

std::span<const VerbEntry> verbs() {
  return kVerbs;
}

}  // namespace virga::cli
