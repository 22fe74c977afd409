#include "config/schema/role.hpp"

#include "config/schema/node.hpp"

namespace freshet::config {

std::string name_problem(const std::string& name) {
  constexpr std::size_t longest = 63;
  if (name.empty() || name.size() > longest) return "a name has 1 to 63 letters, digits, hyphens or underscores";
  for (const char c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!fine) return "a name has only letters, digits, hyphens and underscores";
  }
  return "";
}

const std::vector<choice>& role_kinds() {
  static const std::vector<choice> kinds = {
      {"device", "runs the student on its stream, answers in real time, applies updates"},
      {"uplink_filter", "keeps the samples and tokens that are worth sending, within a byte budget"},
      {"intake", "accepts what devices send and leases it to teachers"},
      {"teacher", "labels what arrives with the large model"},
      {"distiller", "trains the student and commits its versions"},
      {"compressor", "encodes updates within a byte budget"},
      {"deployer", "drives every device to its desired version"},
      {"stats", "collects the figures of all roles"},
      {"bench", "paces devices and scores them; placed by `freshet bench adapt`"},
  };
  return kinds;
}

const std::string& name(role_kind kind) { return role_kinds()[static_cast<std::size_t>(kind)].name; }

}  // namespace freshet::config
