#include "virga/archive/internal/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "virga/base/encoding.h"

namespace virga::archive::internal {

std::string quoted(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  std::string text = "'";
  bool utf8 = is_utf8(name);
  std::size_t count = 0;
  for (char c : name) {
    unsigned char byte = static_cast<unsigned char>(c);
    bool continues = utf8 && (byte & 0xc0) == 0x80;
    if (count >= kLongest && !continues) return text + "...'";
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text.push_back(c);
    }
    ++count;
  }
  return text + "'";
}

std::unexpected<Error> refuse(const Problem& problem, std::string_view name, std::string_view what) {
  return fail(problem, fmt::format("entry {}: {}", quoted(name), what));
}

namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

bool has_drive(std::string_view name) {
  if (name.size() < 2 || name[1] != ':') return false;
  char letter = static_cast<char>(name[0] | 0x20);
  return letter >= 'a' && letter <= 'z';
}

}  // namespace

Result<> check_name(std::string_view name, const Limits& limits) {
  if (name.empty()) return refuse(problem::kArchiveName, name, "it has no name; give every entry a relative path");
  if (name.size() > limits.name_bytes) {
    return refuse(problem::kArchiveName, name,
                  fmt::format("the path is {} bytes long, allowed are {}; shorten it", name.size(), limits.name_bytes));
  }
  for (char c : name) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      return refuse(problem::kArchiveName, name,
                    fmt::format("the name holds the control character 0x{:02x}; rename it", byte));
    }
  }
  if (!is_utf8(name))
    return refuse(problem::kArchiveName, name,
                  "the name is not UTF-8; make the zip with a tool that writes UTF-8 names");
  if (name.find('\\') != std::string_view::npos) {
    return refuse(
        problem::kArchiveName, name,
        "the name holds a backslash; zip paths are written with '/', make the zip again with a tool that does");
  }
  if (name.front() == '/')
    return refuse(problem::kArchiveName, name,
                  "the path is absolute; zip from inside the folder, so that paths are relative");
  if (has_drive(name))
    return refuse(problem::kArchiveName, name,
                  "the path names a drive; zip from inside the folder, so that paths are relative");
  std::vector<std::string_view> parts = split(name);
  if (parts.size() > limits.depth) {
    return refuse(problem::kArchiveName, name,
                  fmt::format("it lies {} folders deep, allowed are {}; flatten the tree", parts.size(), limits.depth));
  }
  for (std::string_view part : parts) {
    if (part.empty())
      return refuse(problem::kArchiveName, name, "the path has an empty component ('//'); write each '/' once");
    if (part == "..")
      return refuse(problem::kArchiveName, name,
                    "the path holds '..' and could leave the folder it is unpacked to; use plain relative paths");
    if (part == ".") return refuse(problem::kArchiveName, name, "the path holds '.'; write the path without it");
  }
  return {};
}

Result<> check_target(std::string_view name, std::string_view target) {
  if (target.empty()) return refuse(problem::kArchiveSymlink, name, "the symlink points nowhere; remove it");
  if (target.find('\0') != std::string_view::npos)
    return refuse(problem::kArchiveSymlink, name, "the symlink's target holds a NUL byte; remove it");
  if (target.front() == '/') {
    return refuse(problem::kArchiveSymlink, name,
                  fmt::format("the symlink points to the absolute path {}; make it relative and inside the archive",
                              quoted(target)));
  }
  std::size_t above = split(name).size() - 1;
  std::size_t up = 0;
  bool descended = false;
  for (std::string_view part : split(target)) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      descended = true;
    } else if (descended) {
      return refuse(problem::kArchiveSymlink, name,
                    fmt::format("the symlink's target {} has '..' after a name; write the target without that detour",
                                quoted(target)));
    } else if (++up > above) {
      return refuse(
          problem::kArchiveSymlink, name,
          fmt::format("the symlink points to {}, outside of the archive; point it to something inside or remove it",
                      quoted(target)));
    }
  }
  return {};
}

Result<> check_tree(const std::vector<Entry>& entries) {
  // One node for each path, folders that no entry names included. Views into the entries' names.
  struct Node {
    EntryKind kind = EntryKind::Directory;
    bool named = false;  // an entry of its own, not just on the way to one
  };
  std::unordered_map<std::string_view, Node> nodes;
  std::unordered_map<std::string, std::string_view> folded;
  nodes.reserve(entries.size() * 2);
  folded.reserve(entries.size() * 2);

  for (const Entry& entry : entries) {
    auto [place, fresh] = nodes.try_emplace(entry.name, Node{entry.kind, true});
    if (fresh) continue;
    if (place->second.named)
      return refuse(problem::kArchiveNamesClash, entry.name,
                    "the name occurs twice; make the zip anew instead of adding to it");
    place->second = Node{entry.kind, true};
  }
  for (const Entry& entry : entries) {
    std::string_view name = entry.name;
    for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
      std::string_view parent = name.substr(0, slash);
      const Node& node = nodes.try_emplace(parent, Node{}).first->second;
      if (node.kind == EntryKind::Symlink) {
        return refuse(problem::kArchiveNamesClash, name,
                      fmt::format("it lies below {}, which is a symlink; remove one of the two", quoted(parent)));
      }
      if (node.kind == EntryKind::File) {
        return refuse(problem::kArchiveNamesClash, name,
                      fmt::format("it lies below {}, which is a file; remove one of the two", quoted(parent)));
      }
    }
  }
  for (const auto& [path, node] : nodes) {
    auto [place, fresh] = folded.try_emplace(to_lower(path), path);
    if (!fresh) {
      auto [first, second] = std::minmax(place->second, path);
      return refuse(problem::kArchiveNamesClash, second,
                    fmt::format("it differs from {} in upper and lower case only, so one would cover the other on some "
                                "systems; rename one of the two",
                                quoted(first)));
    }
  }
  return {};
}

}  // namespace virga::archive::internal
