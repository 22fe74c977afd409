// freshet keys new: a node's key pair, or the keys that sign artefacts.
#include <iostream>

#include "actors/access/key_file.hpp"
#include "config/schema/node.hpp"
#include "kernels/base/hex.hpp"
#include "tools/freshet/commands/keys_actions.hpp"
#include "tools/freshet/paths.hpp"

namespace freshet::cli {

using nlohmann::json;

result<void> make_link_key(const keys_options& o) {
  if (const std::string wrong = config::name_problem(o.node); !wrong.empty()) return usage("\"" + o.node + "\": " + wrong);
  const std::string state = o.topology.state_dir.empty() ? default_state_dir() : absolute(o.topology.state_dir);
  const auto file = access::link_key_file(state, o.node);
  FRESHET_TRY(access::make_private_folder(file.parent_path()));
  const rt::link_keys keys = access::draw_link_keys();
  FRESHET_TRY(access::write_link_keys(file, keys, access::existing::keep));
  const std::string open = to_hex(keys.public_key);
  if (o.as_json) {
    std::cout << json{{"node", o.node}, {"public_key", open}, {"file", file.string()}}.dump() << '\n';
    return {};
  }
  std::cout << "public_key = \"" << open << "\"\n\nThe secret half is in " << file.string()
            << ", for this user only.\nA node that listens on tcp: write the line above into its [[nodes]] entry.\n"
            << "A node that connects: on the other's host, `freshet keys enrol " << o.node << " " << open << "`.\n";
  return {};
}

result<void> make_artefact_keys(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
  auto there = access::artefact_keys::read(file);
  if (there.ok()) return usage(file.string() + " is there already; `freshet keys rotate --artefacts` goes on to the next key");
  FRESHET_TRY_ASSIGN(const auto keys, access::artefact_keys::read_or_make(file));
  if (o.as_json) {
    std::cout << json{{"artefact_keys", json_of(keys)}, {"file", file.string()}}.dump() << '\n';
  } else {
    std::cout << delta::text_of(keys.trusted());
  }
  return {};
}

}  // namespace freshet::cli
