#include "tools/freshet/service/notifier.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tools/freshet/service/notify_listener.hpp"
#include "tools/freshet/service/unix_address.hpp"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace freshet::cli {
namespace {

TEST(notifier, says_it_to_a_path_and_the_kernel_says_who) {
  const test::temporary_folder folder;
  auto listener = notify_listener::open((folder.path() / "s").string());
  ASSERT_TRUE(listener.ok());
  struct stat seen {};
  ASSERT_EQ(::stat(listener->path().c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U) << "only its owner may speak";
  EXPECT_FALSE(listener->receive());

  auto speaker = notifier::to(listener->path());
  ASSERT_TRUE(speaker.ok());
  ASSERT_TRUE(speaker->send("READY=1\nSTATUS=all is well\n").ok());
  const auto heard = listener->receive();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->from, ::getpid());
  EXPECT_EQ(heard->value("READY"), "1");
  EXPECT_EQ(heard->value("STATUS"), "all is well");
  EXPECT_EQ(heard->value("STAT"), std::nullopt);

  const pid_t child = ::fork();
  if (child == 0) ::_exit(speaker->send("READY=1\n").ok() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(listener->receive()->from, child);
}

TEST(notifier, finds_an_abstract_name) {
  const std::string name = "freshet-test-" + std::to_string(::getpid());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto address = unix_address_of(std::string(1, '\0') + name);
  ASSERT_TRUE(address.ok());
  ASSERT_EQ(::bind(socket, address->get(), address->size), 0);
  ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  auto speaker = notifier::from_environment();
  ASSERT_TRUE(speaker.ok() && speaker->has_value());
  EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr) << "children must not speak for us";
  ASSERT_TRUE((*speaker)->send("READY=1").ok());
  char buffer[64];
  EXPECT_EQ(::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT), 7);
  ::close(socket);
  EXPECT_FALSE((*speaker)->send("READY=1").ok()) << "nobody listens any more";
}

TEST(notifier, without_a_manager_there_is_none_and_nonsense_is_an_error) {
  ::unsetenv("NOTIFY_SOCKET");
  auto none = notifier::from_environment();
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  ::setenv("NOTIFY_SOCKET", "relative/path", 1);
  EXPECT_FALSE(notifier::from_environment().ok());
  EXPECT_FALSE(notifier::to("/" + std::string(200, 'x')).ok());
}

TEST(watchdog, is_taken_from_the_environment_when_it_is_meant_for_us) {
  const auto with = [](const char* period, const std::string& process) {
    ::setenv("WATCHDOG_USEC", period, 1);
    ::setenv("WATCHDOG_PID", process.c_str(), 1);
    return watchdog_from_environment();
  };
  const std::string self = std::to_string(::getpid());
  EXPECT_EQ(with("30000000", self), std::chrono::seconds(30));
  EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
  EXPECT_EQ(with("30000000", "1"), std::nullopt);
  for (const char* odd : {"", "0", "-1", "3s", "99999999999999999999"}) EXPECT_EQ(with(odd, self), std::nullopt) << odd;
}

TEST(notify_listener, skips_what_is_too_long_and_replaces_a_file_that_was_left) {
  const test::temporary_folder folder;
  const std::string path = (folder.path() / "s").string();
  {
    auto first = notify_listener::open(path);
    ASSERT_TRUE(first.ok());
    auto second = notify_listener::open(path);
    ASSERT_TRUE(second.ok());
    auto speaker = notifier::to(path);
    ASSERT_TRUE(speaker->send(std::string(100'000, 'x')).ok());
    ASSERT_TRUE(speaker->send("WATCHDOG=1").ok());
    EXPECT_EQ(second->receive()->lines, "WATCHDOG=1");
    EXPECT_FALSE(first->receive());
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace freshet::cli
