#include "virga/dialects/aws/xml_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "virga/base/encoding.h"

namespace virga::dialects::aws {
namespace {

constexpr int kDeepest = 32;
constexpr std::size_t kMostElements = 200'000;

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool ends_name(char c) {
  return is_space(c) || c == '/' || c == '>' || c == '=' || c == '<' || c == '&' || c == '"' || c == '\'';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : all_(text), rest_(text) {}

  Result<XmlNode> read() {
    if (!is_utf8(all_)) return wrong("it is no UTF-8");
    take("\xEF\xBB\xBF");
    VIRGA_TRY(skip_between());
    XmlNode root;
    VIRGA_TRY(read_element(root, 1));
    VIRGA_TRY(skip_between());
    if (!rest_.empty()) return wrong("something follows the end of the document");
    return root;
  }

 private:
  std::unexpected<Error> wrong(std::string_view what) const {
    auto at = all_.size() - rest_.size();
    return fail(ErrorCode::InvalidArgument,
                "the XML is not well-formed at byte " + std::to_string(at) + ": " + std::string(what));
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void skip_space() {
    while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  }
  // Passes over all up to and with `end`.
  bool skip_past(std::string_view end) {
    auto at = rest_.find(end);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + end.size());
    return true;
  }
  // White space, comments and the declaration outside of the root.
  Result<> skip_between() {
    while (true) {
      skip_space();
      if (take("<!--")) {
        if (!skip_past("-->")) return wrong("a comment does not end");
      } else if (take("<?")) {
        if (!skip_past("?>")) return wrong("an instruction does not end");
      } else if (rest_.starts_with("<!")) {
        return wrong("a document type is not allowed");
      } else {
        return {};
      }
    }
  }
  std::string_view take_name() {
    auto end = std::ranges::find_if(rest_, ends_name);
    auto name = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(name.size());
    return name;
  }
  // `ends` is what the element has instead of content: true for <name/>.
  Result<std::string_view> read_start(bool& ends) {
    if (!take("<")) return wrong("an element is missing");
    auto name = take_name();
    if (name.empty()) return wrong("an element has no name");
    while (true) {
      skip_space();
      ends = take("/>");
      if (ends || take(">")) return name;
      auto attribute = take_name();
      skip_space();
      if (attribute.empty() || !take("=")) return wrong("a tag does not end");
      skip_space();
      char quote = rest_.empty() ? '\0' : rest_.front();
      if (quote != '"' && quote != '\'') return wrong("an attribute has no value in quotes");
      rest_.remove_prefix(1);
      if (!skip_past(std::string_view(&quote, 1))) return wrong("the value of an attribute does not end");
    }
  }
  Result<> read_reference(std::string& out) {
    auto end = rest_.substr(0, 12).find(';');
    if (end == std::string_view::npos) return wrong("a '&' begins no reference");
    auto name = rest_.substr(1, end - 1);
    std::uint32_t code = 0;
    if (name == "lt") code = '<';
    if (name == "gt") code = '>';
    if (name == "amp") code = '&';
    if (name == "quot") code = '"';
    if (name == "apos") code = '\'';
    if (name.starts_with('#')) {
      bool is_hex = name.size() > 1 && name[1] == 'x';
      auto digits = name.substr(is_hex ? 2 : 1);
      auto [stopped, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, is_hex ? 16 : 10);
      bool is_whole = error == std::errc() && stopped == digits.data() + digits.size();
      if (!is_whole || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) code = 0;
    }
    if (code == 0) return wrong("'&" + std::string(name) + ";' is no character");
    append_utf8(out, code);
    rest_.remove_prefix(end + 1);
    return {};
  }
  Result<> read_element(XmlNode& node, int depth) {
    if (depth > kDeepest) return wrong("elements lie in each other deeper than 32 levels");
    if (++elements_ > kMostElements) return wrong("there are more than 200000 elements");
    bool ends = false;
    VIRGA_TRY_ASSIGN(auto name, read_start(ends));
    auto colon = name.find(':');
    node.name = colon == std::string_view::npos ? name : name.substr(colon + 1);
    while (!ends) {
      if (rest_.empty()) return wrong("the element '" + node.name + "' does not end");
      if (take("</")) {
        if (take_name() != name) return wrong("another element ends than '" + node.name + "'");
        skip_space();
        if (!take(">")) return wrong("an end tag does not end");
        ends = true;
      } else if (take("<!--")) {
        if (!skip_past("-->")) return wrong("a comment does not end");
      } else if (take("<![CDATA[")) {
        auto begin = rest_;
        if (!skip_past("]]>")) return wrong("a CDATA section does not end");
        node.text += begin.substr(0, begin.size() - rest_.size() - 3);
      } else if (rest_.starts_with("<!") || rest_.starts_with("<?")) {
        return wrong("only elements, texts and comments are allowed here");
      } else if (rest_.front() == '<') {
        VIRGA_TRY(read_element(node.children.emplace_back(), depth + 1));
      } else if (rest_.front() == '&') {
        VIRGA_TRY(read_reference(node.text));
      } else {
        auto end = std::min(rest_.find_first_of("<&"), rest_.size());
        node.text += rest_.substr(0, end);
        rest_.remove_prefix(end);
      }
    }
    return {};
  }

  std::string_view all_;
  std::string_view rest_;
  std::size_t elements_ = 0;
};

}  // namespace

const XmlNode* XmlNode::child(std::string_view wanted) const {
  auto found = std::ranges::find(children, wanted, &XmlNode::name);
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlNode::text_of(std::string_view wanted) const {
  const auto* found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

Result<XmlNode> read_xml(std::string_view text) {
  return Reader(text).read();
}

}  // namespace virga::dialects::aws
