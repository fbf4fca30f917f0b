#pragma once

#include <span>
#include <string>
#include <vector>

#include "virga/base/result.h"
#include "virga/os/descriptor.h"
#include "virga/sandbox/spawn/roots.h"

namespace virga::sandbox::spawn {

// The layers of a stem. They cannot be mounted over its /opt as over a fresh sandbox's: landlock's rule for a folder is
// passed over where something else is mounted on it, and the folder above /opt is the root, for which no rule may say
// "read". So /opt of a stem is a folder of its own, which has a rule, and each entry of the layers is mounted inside.
struct LayerEntry {
  std::string name;
  os::Descriptor tree;  // a file or folder, read-only
};

// Makes a place for each entry of the layers' top folders in `folder`, which is what the stem sees as its /opt, and
// opens what belongs there. Of two entries with one name the later layer's wins; folders of one name become one.
// Symlinks are made at once.
Result<std::vector<LayerEntry>> prepare_layers(const Roots& roots, std::span<const std::string> layers,
                                               const std::string& folder);
// Removes the places and the folder.
void remove_layer_folder(const std::string& folder);

}  // namespace virga::sandbox::spawn
