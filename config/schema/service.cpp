#include "config/schema/service.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace freshet::config {
namespace {

bool is_number(int family, const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return ::inet_pton(family, host.c_str(), bytes) == 1;
}

std::string address_problem(const std::string& text) {
  if (text.empty() || parse_service_address(text)) return "";
  return "write \"unix://PATH\", \"127.0.0.1:PORT\" or \"[::1]:PORT\", or \"\" for none";
}

}  // namespace

bool service_address::is_local() const {
  return !path.empty() || host == "localhost" || host == "::1" || host.compare(0, 4, "127.") == 0;
}

std::optional<service_address> parse_service_address(std::string_view text) {
  constexpr std::string_view local = "unix://";
  service_address where;
  if (text.substr(0, local.size()) == local) {
    where.path = std::string(text.substr(local.size()));
    if (where.path.empty() || where.path.find('\0') != std::string::npos) return std::nullopt;
    return where;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), where.port);
  if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  std::string host(text.substr(0, colon));
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // Numbers only: a name could mean another interface tomorrow.
  if (bracketed ? !is_number(AF_INET6, host) : host != "localhost" && !is_number(AF_INET, host)) return std::nullopt;
  where.host = std::move(host);
  return where;
}

void service_settings::describe(schema<service_settings>& s) {
  s.setting(
       "listen", &service_settings::listen,
       "Where /livez, /readyz and /metrics are served: unix://PATH (relative to state_dir; for one node run alone, to "
       "its folder there) or HOST:PORT with the host as a number; port 0 lets the system choose, and the log says "
       "which. Empty serves nothing.")
      .check(address_problem)
      .example("127.0.0.1:9464");
  s.setting(
      "insecure", &service_settings::insecure,
      "Allow an address that other hosts can reach. There is neither encryption nor a password: whoever reaches it "
      "reads all figures.");
  s.setting("answer_within", &service_settings::answer_within,
            "A node whose port or supervisor has not answered for so long is not ready, and the service manager's "
            "watchdog hears nothing until it does.")
      .between(milliseconds(500), milliseconds(600'000));
  s.setting("hung_after", &service_settings::hung_after,
            "A node that has not answered for so long is killed and started again.")
      .between(milliseconds(1000), milliseconds(3'600'000));
  s.setting("disk_low", &service_settings::disk_low,
            "Less free room in state_dir than this makes the daemon not ready.")
      .between(byte_count(0), byte_count(1'000'000'000'000));
  s.rule([](const service_settings& v) -> std::optional<conflict> {
    const auto where = parse_service_address(v.listen);
    if (where && !where->is_local() && !v.insecure)
      return conflict{"listen", "\"" + v.listen +
                                    "\" can be reached from other hosts without a password; use 127.0.0.1, or "
                                    "write insecure = true in [service] to allow it"};
    return std::nullopt;
  });
  s.rule([](const service_settings& v) -> std::optional<conflict> {
    if (v.hung_after <= v.answer_within)
      return conflict{"hung_after", "\"" + show(v.hung_after) + "\" is not above answer_within = \"" +
                                        show(v.answer_within) + "\"; a node would be killed before it is called late"};
    return std::nullopt;
  });
}

}  // namespace freshet::config
