#pragma once

#include <boost/json.hpp>
#include <string>

#include "virga/cli/terminal.h"

namespace virga::cli {

// JSON for people: two spaces of indent, names and kinds of values coloured if the terminal has colours. Harmless for
// a terminal, whatever the strings hold.
std::string to_pretty_text(const boost::json::value& value, const Terminal& terminal);

}  // namespace virga::cli
