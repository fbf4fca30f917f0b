#pragma once

#include <string>

#include "virga/model/function.h"
#include "virga/runtime/runtimes.h"

namespace virga::runtime {

// Derived files of a package (compiled code, class archives): they lie in the package's own tree, below this folder, so
// that the sandbox finds them where it finds the code and they go when the package goes.
inline constexpr std::string_view kPreparedFolder = "/.virga";

// Where the runtime's files for this version lie in the package's tree: "/.virga/NAME-IDENTITY" and, for those that
// depend on the function, "-" and a hash. Whether they are there is another question. "": this runtime makes none.
std::string prepared_folder(const model::Version& version, const Runtime& runtime);

// Whether a name in kPreparedFolder is this runtime's, made by another interpreter than the one it has now.
bool is_outdated(std::string_view name, const Runtime& runtime);

}  // namespace virga::runtime
