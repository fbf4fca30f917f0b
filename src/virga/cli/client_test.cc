#include "virga/cli/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "virga/cli/log_reader.h"
#include "virga/cli/phases.h"
#include "virga/os/file.h"

namespace virga::cli {
namespace {

using testing::HasSubstr;

TEST(Endpoints, AreAHostAndAPort) {
  auto endpoint = parse_endpoint("http://127.0.0.1:4600/");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->url, "http://127.0.0.1:4600");
  EXPECT_EQ(endpoint->host, "127.0.0.1:4600");
  EXPECT_EQ(endpoint->address, "127.0.0.1");
  EXPECT_EQ(endpoint->port, 4600);
  EXPECT_EQ(parse_endpoint("http://localhost")->port, 80);
  EXPECT_EQ(parse_endpoint("http://localhost")->address, "127.0.0.1");
  EXPECT_EQ(parse_endpoint("http://[::1]:5000")->address, "::1");
}

TEST(Endpoints, SayWhatIsWrongWithThem) {
  const std::pair<const char*, const char*> refusals[] = {
      {"", "does not begin with http://"},
      {"localhost:4600", "does not begin with http://"},
      {"https://localhost:4600", "asks for TLS"},
      {"http://", "names no host"},
      {"http://:4600", "names no host"},
      {"http://localhost:", "no port number behind the colon, but ''"},
      {"http://localhost:0", "no port number"},
      {"http://localhost:70000", "no port number behind the colon, but '70000'"},
      {"http://localhost:4600/path", "more than a host and a port"},
      {"http://user@localhost:4600", "more than a host and a port"},
  };
  for (const auto& [url, why] : refusals) {
    auto endpoint = parse_endpoint(url);
    ASSERT_FALSE(endpoint) << url;
    EXPECT_EQ(endpoint.error().code(), ErrorCode::InvalidArgument) << url;
    EXPECT_THAT(endpoint.error().message(), HasSubstr(why)) << url;
  }
}

class FoundCredentials : public testing::Test {
 protected:
  std::vector<std::string> ids(const std::string& data) {
    std::vector<std::string> found;
    auto lookup = [this](std::string_view name) { return variables_[std::string(name)]; };
    for (const auto& one : find_credentials(lookup, data)) found.push_back(one.id);
    return found;
  }
  std::map<std::string, std::string> variables_;
};

TEST_F(FoundCredentials, AreTriedFromTheMostMeantToTheDefault) {
  auto folder = os::TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  EXPECT_EQ(ids(""), (std::vector<std::string>{"virga"}));
  EXPECT_EQ(ids(folder->path()), (std::vector<std::string>{"virga"}));
  ASSERT_TRUE(os::write_file_durably(folder->path() + "/root-key.json",
                                     R"({"access_key_id": "ROOT", "secret_access_key": "s"})", 0600));
  EXPECT_EQ(ids(folder->path()), (std::vector<std::string>{"ROOT", "virga"}));
  variables_["AWS_ACCESS_KEY_ID"] = "AKIA";
  EXPECT_EQ(ids(folder->path()), (std::vector<std::string>{"ROOT", "virga"}));
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(ids(folder->path()), (std::vector<std::string>{"AKIA", "ROOT", "virga"}));
}

TEST_F(FoundCredentials, OfVirgasOwnVariablesAreTheOnlyOnes) {
  variables_ = {{"VIRGA_ACCESS_KEY_ID", "A"},
                {"VIRGA_SECRET_ACCESS_KEY", "s"},
                {"AWS_ACCESS_KEY_ID", "B"},
                {"AWS_SECRET_ACCESS_KEY", "s"}};
  EXPECT_EQ(ids(""), (std::vector<std::string>{"A"}));
}

TEST(Phases, AreReadFromTheHeader) {
  auto phases = parse_phases("queue=0.01, start=1.2,run=0.05");
  ASSERT_TRUE(phases);
  ASSERT_EQ(phases->size(), 3u);
  EXPECT_EQ((*phases)[1].name, "start");
  EXPECT_DOUBLE_EQ((*phases)[1].milliseconds, 1.2);
  EXPECT_TRUE(parse_phases("")->empty());
}

TEST(Phases, RefuseWhatIsNoTime) {
  for (const auto* header : {"run", "run=", "=1", "run=1x", "run=-1", "run=nan", "run=inf", "run=1,,"}) {
    EXPECT_FALSE(parse_phases(header)) << header;
  }
}

TEST(Phases, ShowWhatIsNotInThemAsAround) {
  auto text = render_phases({{"run", 6}}, 8, Terminal(-1, false, 0));
  EXPECT_THAT(text, HasSubstr("around"));
  EXPECT_THAT(text, HasSubstr("2.00 ms"));
  EXPECT_THAT(text, HasSubstr("8.00 ms"));
}

TEST(LogEntries, ShowTextAndFiguresWithoutEscapes) {
  auto entry =
      parse_log_entry(R"({"sequence":7,"time":"2026-11-23T16:30:56.123Z","request_id":"r-1","version":"$LATEST",
    "text":"one\ntwo\u001b[2J\n","complete":true,
    "report":{"duration_ms":1.5,"init_ms":20,"memory_mb":128,"max_memory_mb":40,"status":""}})");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->sequence, 7u);
  EXPECT_EQ(render(*entry, "f ", Terminal(-1, false, 0)), "f one\nf two\nf ok 1.50 ms + 20.0 ms init, 40 MB r-1\n");
}

TEST(LogEntries, OutsideOfACallHaveNoFigures) {
  auto entry = parse_log_entry(R"({"sequence":1,"text":"x\n","complete":true})");
  ASSERT_TRUE(entry);
  EXPECT_EQ(render(*entry, "", Terminal(-1, false, 0)), "x\n");
  EXPECT_FALSE(parse_log_entry("[]"));
  EXPECT_FALSE(parse_log_entry("{"));
}

}  // namespace
}  // namespace virga::cli
