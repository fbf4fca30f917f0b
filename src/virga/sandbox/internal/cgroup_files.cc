#include "virga/sandbox/internal/cgroup_files.h"

#include <charconv>

namespace virga::sandbox {
namespace {

// Calls `visit` with each part of `text` between separators.
template <typename Visit>
void split(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find(separator), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string unescape(std::string_view path) {
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    unsigned value = 0;
    if (path[i] == '\\' && i + 3 < path.size() + 0 &&
        std::from_chars(path.data() + i + 1, path.data() + i + 4, value, 8).ptr == path.data() + i + 4) {
      plain += static_cast<char>(value);
      i += 3;
    } else {
      plain += path[i];
    }
  }
  return plain;
}

}  // namespace

std::vector<CgroupMount> parse_cgroup_mounts(std::string_view mountinfo) {
  std::vector<CgroupMount> mounts;
  split(mountinfo, '\n', [&](std::string_view line) {
    // "ID PARENT DEVICE ROOT PATH OPTIONS [TAGS...] - TYPE SOURCE SUPER_OPTIONS"
    std::size_t dash = line.find(" - ");
    if (dash == line.npos) return;
    std::vector<std::string_view> before;
    std::vector<std::string_view> after;
    split(line.substr(0, dash), ' ', [&](std::string_view field) { before.push_back(field); });
    split(line.substr(dash + 3), ' ', [&](std::string_view field) { after.push_back(field); });
    if (before.size() < 5 || after.size() < 3) return;
    CgroupMount mount;
    mount.path = unescape(before[4]);
    if (after[0] == "cgroup2") {
      mount.v2 = true;
    } else if (after[0] == "cgroup") {
      split(after[2], ',', [&](std::string_view option) { mount.controllers.emplace_back(option); });
    } else {
      return;
    }
    mounts.push_back(std::move(mount));
  });
  return mounts;
}

std::optional<std::string> parse_own_cgroup(std::string_view cgroup_file, std::string_view controller) {
  std::optional<std::string> own;
  split(cgroup_file, '\n', [&](std::string_view line) {
    std::size_t first = line.find(':');
    std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) return;
    std::string_view controllers = line.substr(first + 1, second - first - 1);
    bool found = controller.empty() && controllers.empty();
    split(controllers, ',',
          [&](std::string_view name) { found = found || (!controller.empty() && name == controller); });
    if (found) own = std::string(line.substr(second + 1));
  });
  return own;
}

std::optional<std::uint64_t> parse_field(std::string_view text, std::string_view name) {
  std::optional<std::uint64_t> value;
  split(text, '\n', [&](std::string_view line) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ') {
      value = parse_number(line.substr(name.size() + 1));
    }
  });
  return value;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) return std::nullopt;
  if (result.ptr != text.data() + text.size() && *result.ptr != '\n') return std::nullopt;
  return value;
}

bool has_word(std::string_view text, std::string_view word) {
  bool found = false;
  split(text, '\n',
        [&](std::string_view line) { split(line, ' ', [&](std::string_view one) { found = found || one == word; }); });
  return found;
}

std::string cgroup_name_for(std::string_view state_directory) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a; only has to tell the daemons of one machine apart
  for (char byte : state_directory) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string name = "virga-";
  for (int shift = 60; shift >= 0; shift -= 4) name += kDigits[(hash >> shift) & 15];
  return name;
}

}  // namespace virga::sandbox
