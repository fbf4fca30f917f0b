#pragma once

#include <string>
#include <vector>

namespace virga::http::testing {

struct Refused {
  std::string name;
  std::string bytes;
  int status = 400;
};

// Messages that two HTTP implementations have been seen to read in two ways: each must be refused, and nothing behind
// it may be taken for a request. From the published request-smuggling research (CL.TE, TE.CL, TE.TE, chunk parsing,
// line ends, hosts) and the payloads of the HTTP Garden project.
inline std::vector<Refused> smuggling_corpus() {
  std::vector<Refused> all;
  auto add = [&](std::string name, std::string bytes, int status = 400) {
    all.push_back({std::move(name), std::move(bytes), status});
  };
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n";
  auto with = [&](const std::string& lines, const std::string& body = "0\r\n\r\n") {
    return post + lines + "\r\n\r\n" + body;
  };

  add("CL.TE", with("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"));
  add("TE.CL", with("Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n"));

  for (const std::string line : {"Transfer-Encoding: xchunked",
                                 "Transfer-Encoding : chunked",
                                 "Transfer-Encoding:\x0b"
                                 "chunked",
                                 "Transfer-Encoding: ,chunked",
                                 "Transfer-Encoding: chunked,",
                                 "Transfer-Encoding: chunked, identity",
                                 "Transfer-Encoding: identity",
                                 "Transfer-Encoding: gzip, chunked",
                                 "Transfer-Encoding: chunked, chunked",
                                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                                 "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
                                 "Transfer-\r\nEncoding: chunked",
                                 "Transfer-Encoding\r\n : chunked",
                                 "Transfer-Encoding:\r\n chunked",
                                 "X: y\r\n Transfer-Encoding: chunked",
                                 "Transfer-Encoding: \"chunked\"",
                                 "Transfer-Encoding: chunked;q=1",
                                 "Transfer-Encoding:",
                                 "\tTransfer-Encoding: chunked",
                                 "Transfer-Encoding: \x00"
                                 "chunked"}) {
    add("TE '" + line + "'", with(line));
  }
  add("TE with a NUL", with(std::string("Transfer-Encoding: chunked\0", 27)));

  for (const std::string value :
       {"+1", "-0", "0x10", "1_0", "", "5, 5", "5\r\nContent-Length: 6", "5\r\nContent-Length: 5",
        "99999999999999999999", "18446744073709551616", "5 5", "5;", "\"5\"", "1e1", "5."}) {
    add("CL '" + value + "'", with("Content-Length: " + value, "hello"));
  }
  add("CL with a space before the colon", with("Content-Length : 5", "hello"));

  auto chunked = [&](const std::string& body) { return with("Transfer-Encoding: chunked", body); };
  for (const std::string size : {"0x1", "-0x0", "0_2e", "+2", "  0", "\t0", " 1", "1 ", "2\r\r;a", "FFFFFFFFFFFFFFFFF",
                                 "FFFFFFFFFFFFFFFF", "Z", "", ";", "1\x0b", "-1", "1\n", "0\n"}) {
    add("chunk size '" + size + "'", chunked(size + "\r\na\r\n0\r\n\r\n"));
  }
  add("chunk size ended by LF", chunked("0\n\r\n"));
  add("chunk size ended by CR", chunked("1\rXa\r\n0\r\n\r\n"));
  add("chunk without CR LF", chunked("1\r\na0\r\n\r\n"));
  add("chunk ended by other bytes", chunked("1\r\naXX0\r\n\r\n"));
  add("chunk ended by LF", chunked("1\r\na\n0\r\n\r\n"));
  add("chunk longer than its size", chunked("1\r\nab\r\n0\r\n\r\n"));
  add("CR LF between chunks", chunked("1\r\na\r\n\r\n0\r\n\r\n"));
  add("control in a chunk extension", chunked("1;a\x01=b\r\na\r\n0\r\n\r\n"));
  add("LF in a chunk extension", chunked("1;a\nb\r\na\r\n0\r\n\r\n"));
  for (const std::string extension : {"", "a b", "a =b", "a= b", "a=", "=b", "a=\"b", "a=\"b\"c", "a=b=c", "a\"b\"",
                                      "a;", "\x80", "a=\x80", "a/b", " a"}) {
    add("chunk extension '" + extension + "'", chunked("1;" + extension + "\r\na\r\n0\r\n\r\n"));
  }
  add("trailer without a colon", chunked("0\r\nG\r\n\r\n"));
  add("trailer ended by LF", chunked("0\r\nX: y\n\r\n"));
  add("folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n"));
  add("trailer that tells a length", chunked("0\r\nContent-Length: 5\r\n\r\n"));
  add("trailer that tells a coding", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"));

  add("bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n");
  add("bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n");
  add("bare LF behind a field", get + "A: b\nC: d\r\n\r\n");
  add("bare LF as the end of the head", get + "\n");
  add("bare CR in a value", get + "A: b\rC: d\r\n\r\n");
  add("bare CR as a line end", "GET / HTTP/1.1\rHost: a\r\n\r\n");
  add("two CRs", get + "A: b\r\r\nC: d\r\n\r\n");
  add("NUL in a value", get + std::string("A: b\r\nC\0: d\r\n\r\n", 15));
  add("NUL in a name", get + std::string("A: b\r\nC: \0\r\n\r\n", 14));
  add("folded field", get + "A: b\r\n c\r\n\r\n");
  add("folded with a tab", get + "A: b\r\n\tc\r\n\r\n");
  add("high byte in a name", get + "A\x80: b\r\n\r\n");
  add("high byte 0xff in a name", get + "\xff: b\r\n\r\n");
  add("no colon", get + "A b\r\n\r\n");
  add("no name", get + ": b\r\n\r\n");
  add("space in a name", get + "A b: c\r\n\r\n");
  add("leading space in the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n");
  add("space line behind the request line", "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n");
  add("DEL in a value", get + "A: \x7f\r\n\r\n");

  add("1.0 with a coding", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  add("version 1.32", "GET / HTTP/1.32\r\nHost: a\r\n\r\n");
  add("version 1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n");
  add("version 01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n");
  add("version http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n");
  add("version 1,1", "GET / HTTP/1,1\r\nHost: a\r\n\r\n");
  add("version +1.1", "GET / HTTP/+1.1\r\nHost: a\r\n\r\n");
  add("version 2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
  add("version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505);
  add("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
  add("HTTP/0.9", "GET /\n");
  add("HTTP/0.9 with CR", "GET /\r\n");
  add("two spaces behind the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
  add("two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
  add("tab behind the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
  add("space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
  add("space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
  add("leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  add("leading empty line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  add("absolute target of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n");
  add("absolute target of another port", "GET http://a:1/ HTTP/1.1\r\nHost: a\r\n\r\n");
  add("absolute target with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  add("absolute target of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
  add("absolute target without a host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n");
  add("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501);
  add("two Hosts", get + "Host: a\r\n\r\n");
  add("two different Hosts", get + "host: b\r\n\r\n");
  add("no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n");
  for (const std::string host : {"", "a@b", "a/b", "a b", "a,b", "a:b", "a:123456", "[::1", "[::1]x", "[]", "a?b",
                                 "a#b", "a\\b", ":80", "a:80:80", "\x80", "a%00"}) {
    add("Host '" + host + "'", "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }
  add("Connection names Host", get + "Connection: host\r\n\r\n");
  add("Connection names Content-Length", get + "Connection: close, Content-Length\r\n\r\n");
  add("Connection is no token", get + "Connection: \"close\"\r\n\r\n");

  add("method G=\":<>", "G=\":<> / HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const std::string method : {"get", "xGET", "GETx", "G3T", "_GET", "G.T"}) {
    add("method " + method, method + " / HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  add("method of one space", "  / HTTP/1.1\r\nHost: a\r\n\r\n");
  add("target !", "GET ! HTTP/1.1\r\nHost: a\r\n\r\n");
  add("target *", "GET * HTTP/1.1\r\nHost: a\r\n\r\n");
  for (const std::string path : {"/%00", "/a%", "/a%2", "/a%zz", "/a\\b", "/%c0%ae", "/%ff", "/%ed%a0%80", "/a\"b",
                                 "/<a>", "/a#b", "/\x80", "/a\x7f", "/?a#b", "/?\x80", "a", "?a"}) {
    add("target " + path, "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  add("TLS on a plain port", "\x16\x03\x01\x02\x05\x01\x01");
  return all;
}

}  // namespace virga::http::testing
