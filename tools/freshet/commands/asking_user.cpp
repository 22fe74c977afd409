#include "tools/freshet/commands/asking_user.hpp"

#include <pwd.h>
#include <unistd.h>

namespace freshet::cli {

std::string asking_user() {
  const passwd* user = ::getpwuid(::getuid());
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return (user != nullptr ? std::string(user->pw_name) : std::to_string(::getuid())) + "@" + host;
}

}  // namespace freshet::cli
