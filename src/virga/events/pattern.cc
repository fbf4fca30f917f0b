#include "virga/events/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "virga/events/internal/matcher.h"

namespace virga::events {
namespace {

using internal::Matcher;
using Kind = json::Value::Kind;

// Calls `see` with every text, number, boolean and null of a value, whatever lists they stand in, until it says true.
template <typename See>
bool any_leaf(const json::Value& value, const See& see) {
  if (value.is(Kind::Array)) {
    return std::ranges::any_of(value.elements, [&](const json::Value& element) { return any_leaf(element, see); });
  }
  return !value.is(Kind::Object) && see(value);
}

bool fits_list(const std::vector<Matcher>& list, const json::Value* value) {
  bool is_there = value != nullptr && any_leaf(*value, [](const json::Value&) { return true; });
  return std::ranges::any_of(list, [&](const Matcher& matcher) {
    if (matcher.asks_presence()) return is_there;
    if (matcher.asks_absence()) return !is_there;
    return is_there && any_leaf(*value, [&](const json::Value& leaf) { return matcher.matches(leaf); });
  });
}

// Whether "$or" with this value is meant as the operator; otherwise it is a field of that name, as any other.
bool is_alternatives(const json::Value& value) {
  return value.is(Kind::Array) && value.elements.size() >= 2 &&
         std::ranges::all_of(value.elements, [](const json::Value& element) {
           return element.is(Kind::Object) && !element.members.empty() &&
                  std::ranges::none_of(element.members,
                                       [](const auto& member) { return Matcher::is_operator(member.first); });
         });
}

}  // namespace

// Everything in it must fit.
struct Pattern::Node {
  // Out of line, because a vector of what holds a Node needs a whole one for these.
  Node();
  ~Node();
  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;

  std::vector<std::pair<std::string, std::vector<Matcher>>> lists;
  std::vector<std::pair<std::string, Node>> objects;
  std::vector<std::vector<Node>> alternatives;  // of each, one
};

Pattern::Node::Node() = default;
Pattern::Node::~Node() = default;
Pattern::Node::Node(Node&&) noexcept = default;
Pattern::Node& Pattern::Node::operator=(Node&&) noexcept = default;

class Pattern::Compiler {
 public:
  static Result<Node> compile(const json::Value& object) {
    Node node;
    for (const auto& [name, value] : object.members) {
      if (name == "$or" && is_alternatives(value)) {
        auto& alternatives = node.alternatives.emplace_back();
        for (const auto& element : value.elements) {
          VIRGA_TRY_ASSIGN(auto alternative, compile(element));
          alternatives.push_back(std::move(alternative));
        }
      } else if (value.is(Kind::Object)) {
        if (value.members.empty()) return fail(ErrorCode::InvalidArgument, "Empty objects are not allowed");
        VIRGA_TRY_ASSIGN(auto inner, compile(value));
        node.objects.emplace_back(name, std::move(inner));
      } else if (value.is(Kind::Array)) {
        VIRGA_TRY_ASSIGN(auto list, compile_list(value));
        node.lists.emplace_back(name, std::move(list));
      } else {
        return fail(ErrorCode::InvalidArgument, fmt::format("\"{}\" must be an object or an array", name));
      }
    }
    return node;
  }

 private:
  static Result<std::vector<Matcher>> compile_list(const json::Value& value) {
    if (value.elements.empty()) return fail(ErrorCode::InvalidArgument, "Empty arrays are not allowed");
    std::vector<Matcher> list;
    for (const auto& element : value.elements) {
      VIRGA_TRY_ASSIGN(auto matcher, Matcher::compile(element));
      list.push_back(std::move(matcher));
    }
    return list;
  }
};

Result<Pattern> Pattern::compile(std::string_view text) {
  auto refuse = [](const std::string& reason) {
    return fail(ErrorCode::InvalidArgument, "Event pattern is not valid. Reason: " + reason);
  };
  auto value = json::parse(text);
  if (!value) return refuse(value.error().message());
  if (!value->is(Kind::Object)) return refuse("Filter is not an object");
  if (value->members.empty()) return refuse("Empty objects are not allowed");
  auto root = Compiler::compile(*value);
  if (!root) return refuse(root.error().message());
  return Pattern(std::make_shared<const Node>(std::move(*root)));
}

bool Pattern::fits(const Node& node, const json::Value* value) {
  if (value != nullptr && value->is(Kind::Array)) {
    bool has_objects = false;
    for (const auto& element : value->elements) {
      if (!element.is(Kind::Object) && !element.is(Kind::Array)) continue;
      has_objects = true;
      if (fits(node, &element)) return true;
    }
    return !has_objects && fits_object(node, nullptr);
  }
  return fits_object(node, value);
}

bool Pattern::fits_object(const Node& node, const json::Value* object) {
  auto find = [&](const std::string& name) { return object == nullptr ? nullptr : object->find(name); };
  return std::ranges::all_of(node.lists, [&](const auto& list) { return fits_list(list.second, find(list.first)); }) &&
         std::ranges::all_of(node.objects, [&](const auto& inner) { return fits(inner.second, find(inner.first)); }) &&
         std::ranges::all_of(node.alternatives, [&](const std::vector<Node>& nodes) {
           return std::ranges::any_of(nodes, [&](const Node& one) { return fits_object(one, object); });
         });
}

bool Pattern::matches(const json::Value& event) const {
  return fits(*root_, &event);
}

bool Pattern::matches(std::string_view event) const {
  auto value = json::parse(event);
  return value && matches(*value);
}

}  // namespace virga::events
