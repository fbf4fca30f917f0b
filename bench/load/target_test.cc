#include "bench/load/target.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "virga/os/file.h"

namespace virga::load {
namespace {

TEST(Target, RefusesOtherMachines) {
  for (const char* url : {"http://10.0.0.1:80/", "http://example.com/", "http://0.0.0.0:80/", "http://128.0.0.1/",
                          "http://[::2]:80/", "http://127.0.0.1.example.com/", "https://127.0.0.1/", "127.0.0.1:80/",
                          "http://127.0.0.1:0/", "http://127.0.0.1:70000/", "http://127.0.0.1:80/a b", "http:///x"}) {
    EXPECT_FALSE(parse_url(url)) << url;
  }
}

TEST(Target, TakesLoopbackAddresses) {
  auto target = parse_url("http://127.0.0.9:4600/fn/hello/?a=b");
  ASSERT_TRUE(target) << target.error().message();
  sockaddr_in address{};
  std::memcpy(&address, &target->address, sizeof address);
  EXPECT_EQ(ntohs(address.sin_port), 4600);
  EXPECT_EQ(ntohl(address.sin_addr.s_addr), 0x7f000009U);
  EXPECT_EQ(target->host, "127.0.0.9:4600");
  EXPECT_EQ(target->path, "/fn/hello/?a=b");

  auto plain = parse_url("http://localhost");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->path, "/");
  auto six = parse_url("http://[::1]:80/x");
  ASSERT_TRUE(six) << six.error().message();
  EXPECT_EQ(six->address.ss_family, AF_INET6);
}

TEST(Target, WritesARequest) {
  auto target = parse_url("http://127.0.0.1:80/a");
  ASSERT_TRUE(target);
  EXPECT_EQ(make_request(*target, "/a", {}).value(), "GET /a HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n");
  EXPECT_EQ(make_request(*target, "/b", {.method = "POST", .headers = {"X-A: 1"}, .body = "{}"}).value(),
            "POST /b HTTP/1.1\r\nHost: 127.0.0.1:80\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_FALSE(make_request(*target, "/", {.method = "HEAD"}));
  EXPECT_FALSE(make_request(*target, "/", {.headers = {"X-A: 1\r\nX-B: 2"}}));
}

TEST(Target, ReadsPathsALine) {
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  std::string file = folder->path() + "/paths";
  ASSERT_TRUE(os::write_file_durably(file, "/fn/a/\n\n/fn/b/"));
  EXPECT_EQ(read_paths(file).value(), (std::vector<std::string>{"/fn/a/", "/fn/b/"}));

  ASSERT_TRUE(os::write_file_durably(file, "/fn/a/\nno path\n"));
  auto refused = read_paths(file);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("paths:2: 'no path' is no path"), std::string::npos);
  ASSERT_TRUE(os::write_file_durably(file, "\n"));
  EXPECT_FALSE(read_paths(file));
  EXPECT_FALSE(read_paths(folder->path() + "/missing"));
}

}  // namespace
}  // namespace virga::load
