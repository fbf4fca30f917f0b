#pragma once

#include <string>
#include <vector>

namespace virga::http::testing {

struct Sound {
  std::string name;
  std::string bytes;
  std::vector<std::string> requests;  // what they hold: "METHOD TARGET BODY"
};

// A request that stands behind another one.
inline const std::string kNext = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

// Unusual and sound: the boundaries are where the standard puts them.
inline std::vector<Sound> sound_messages() {
  return {
      {"GET with a body",
       "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789" + kNext,
       {"GET / 0123456789", "GET /smuggled "}},
      {"Expect with the body sent already",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi" + kNext,
       {"POST / hi", "GET /smuggled "}},
      {"Upgrade to h2c with a body",
       "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
       "AAMAAABk\r\n"
       "Content-Length: 2\r\n\r\nhi" +
           kNext,
       {"POST / hi", "GET /smuggled "}},
      {"a trailer that looks like a request",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX:POST / HTTP/1.1\r\n\r\n" + kNext,
       {"POST / ", "GET /smuggled "}},
      {"chunks with extensions and leading zeros",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0003;a=b;c=\"d "
       "e\"\r\nabc\r\nA\r\n0123456789\r\n00\r\n"
       "\r\n" +
           kNext,
       {"POST / abc0123456789", "GET /smuggled "}},
      {"absolute target", "GET http://A:80/x?y HTTP/1.1\r\nHost: a:80\r\n\r\n", {"GET http://A:80/x?y "}},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {"OPTIONS * "}},
      {"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:4600\r\n\r\n", {"GET / "}},
      {"1.0 without Host", "GET / HTTP/1.0\r\n\r\n", {"GET / "}},
      {"zero length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + kNext, {"POST / ", "GET /smuggled "}},
      // No path is ever joined to a folder by http: dots and slashes reach the handler as they are, since keys of
      // object stores may hold them.
      {"dots", "GET /a/../%2e%2e%2f/..;/x HTTP/1.1\r\nHost: a\r\n\r\n", {"GET /a/../%2e%2e%2f/..;/x "}},
      {"two slashes", "GET //evil HTTP/1.1\r\nHost: a\r\n\r\n", {"GET //evil "}},
      {"what browsers do not encode",
       "GET /[a]|b^{c}?d=100%&e=[f]\\g HTTP/1.1\r\nHost: a\r\n\r\n",
       {"GET /[a]|b^{c}?d=100%&e=[f]\\g "}},
      {"UTF-8 in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\r\n\r\n", {"GET / "}},
  };
}

}  // namespace virga::http::testing
