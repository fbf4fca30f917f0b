#include "virga/http/router.h"

#include <algorithm>
#include <map>
#include <utility>

namespace virga::http {

struct Router::Node {
  struct Target {
    std::string method;  // "*": any
    std::size_t route;
  };
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> capture;
  std::vector<Target> here;  // the path ends at this node
  std::vector<Target> rest;  // whatever follows
};

namespace {

// One search: backs out of a branch in which the path does not fit, and remembers the methods of paths that did.
template <typename Node>
struct Search {
  std::string_view method;
  RouteMatch match{};
  std::vector<std::string_view> allowed{};

  template <typename Target>
  bool take(const std::vector<Target>& targets) {
    const Target* any = nullptr;
    for (const auto& target : targets) {
      if (target.method == "*") {
        any = &target;
        continue;
      }
      if (target.method == method) {
        match.route = target.route;
        return true;
      }
      if (std::ranges::find(allowed, target.method) == allowed.end()) allowed.push_back(target.method);
    }
    if (any != nullptr) match.route = any->route;
    return any != nullptr;
  }

  // `path` is what follows the slash behind this node; `ended` says that there was none.
  bool walk(const Node& node, std::string_view path, bool ended) {
    if ((ended || path.empty()) && take(node.here)) return true;
    if (ended) return false;
    auto slash = path.find('/');
    auto segment = path.substr(0, slash);
    bool last = slash == std::string_view::npos;
    auto behind = last ? std::string_view() : path.substr(slash + 1);
    if (auto found = node.literals.find(segment); found != node.literals.end()) {
      if (walk(*found->second, behind, last)) return true;
    }
    if (node.capture && !segment.empty()) {
      match.captures[match.capture_count++] = segment;
      if (walk(*node.capture, behind, last)) return true;
      --match.capture_count;
    }
    if (node.rest.empty()) return false;
    match.captures[match.capture_count++] = path;
    if (take(node.rest)) return true;
    --match.capture_count;
    return false;
  }
};

}  // namespace

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Result<std::size_t> Router::add(std::string_view method, std::string_view pattern) {
  auto bad = [&](std::string_view why) {
    return fail(ErrorCode::InvalidArgument, "route '" + std::string(pattern) + "': " + std::string(why));
  };
  if (method.empty()) return bad("the method is empty");
  if (!pattern.starts_with('/')) return bad("it must begin with '/'");
  auto left = pattern.substr(1);
  if (left.ends_with('/')) left.remove_suffix(1);
  auto* node = root_.get();
  auto* targets = &node->here;
  std::size_t captures = 0;
  bool more = !left.empty();
  while (more) {
    auto slash = left.find('/');
    auto segment = left.substr(0, slash);
    more = slash != std::string_view::npos;
    left = more ? left.substr(slash + 1) : std::string_view();
    if (segment.empty()) return bad("a segment is empty");
    bool is_capture = segment.starts_with('{') && segment.ends_with('}') && segment.size() > 2;
    if (is_capture && ++captures > RouteMatch::kMaxCaptures) return bad("it captures too many segments");
    if (is_capture && segment[segment.size() - 2] == '+') {
      if (more) return bad("{Name+} must come last");
      targets = &node->rest;
      break;
    }
    if (!is_capture && segment.find_first_of("{}") != std::string_view::npos) return bad("a brace stands alone");
    auto& next = is_capture ? node->capture : node->literals[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
    targets = &node->here;
  }
  if (std::ranges::any_of(*targets, [&](const auto& target) { return target.method == method; })) {
    return fail(ErrorCode::AlreadyExists,
                "route '" + std::string(method) + " " + std::string(pattern) + "' is there already");
  }
  targets->push_back({std::string(method), routes_});
  return routes_++;
}

Result<RouteMatch> Router::find(std::string_view method, std::string_view path) const {
  Search<Node> search{method};
  if (path.starts_with('/') && search.walk(*root_, path.substr(1), false)) return search.match;
  if (search.allowed.empty()) return fail(ErrorCode::NotFound, "no route fits this path");
  std::string allowed;
  for (auto one : search.allowed) allowed.append(allowed.empty() ? "" : ", ").append(one);
  return fail(ErrorCode::Unimplemented, std::move(allowed));
}

}  // namespace virga::http
