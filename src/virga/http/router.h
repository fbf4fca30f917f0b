#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/result.h"

namespace virga::http {

// What a path matched. The captured segments are raw: still percent-encoded, never empty, views into the path.
struct RouteMatch {
  static constexpr std::size_t kMaxCaptures = 8;
  std::size_t route = 0;  // index of the route in the order of add()
  std::array<std::string_view, kMaxCaptures> captures;
  std::size_t capture_count = 0;
};

// Finds which route a method and a path belong to. Built once, then read by any thread.
//
//   router.add("GET", "/2015-03-31/functions/{FunctionName}/code")
//
// A segment is a literal (compared raw, case matters) or a {Name}; a last {Name+} takes the rest of the path with its
// slashes. A literal wins over a capture, a capture over a rest. One trailing slash is ignored, in pattern and path (a
// rest keeps its own, and may be empty). The method "*" stands for any that the pattern has no route of its own for.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // The index of the route. InvalidArgument for a bad pattern, AlreadyExists when it is there already.
  Result<std::size_t> add(std::string_view method, std::string_view pattern);

  // NotFound when no pattern fits; Unimplemented, with the allowed methods as message ("GET, PUT", for Allow), when
  // only the method does not.
  Result<RouteMatch> find(std::string_view method, std::string_view path) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
  std::size_t routes_ = 0;
};

}  // namespace virga::http
