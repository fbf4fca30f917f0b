#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "virga/base/encoding.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {

// Which part of a list is asked for: at most so many, in the order of their keys, behind one.
struct Page {
  std::string after;
  std::size_t limit = 100;
};

// The answer with a page of a map: a JSON object whose list `name` has what write(list, member) writes of the members
// that are wanted(member), and NextToken, the Base64 of the last one's key, if there are more.
template <typename Map, typename Wanted, typename Write>
std::string page_of(const Map& map, const Page& page, std::string_view name, Wanted wanted, Write write) {
  std::string body;
  {
    json::Object object(body);
    std::string_view last;
    bool has_more = false;
    {
      json::Array list(object.open(name));
      std::size_t count = 0;
      for (auto member = map.upper_bound(page.after); member != map.end(); ++member) {
        if (!wanted(*member)) continue;
        if ((has_more = count++ == page.limit)) break;
        last = member->first;
        write(list, *member);
      }
    }
    if (has_more) object.add("NextToken", to_base64(last));
  }
  return body;
}

}  // namespace virga::dialects::aws
