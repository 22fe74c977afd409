#include "tools/freshet/enrolment_desk.hpp"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "actors/access/artefact_keys.hpp"
#include "actors/access/enrolment.hpp"
#include "actors/access/key_file.hpp"
#include "actors/rt/real_clock.hpp"
#include "kernels/base/hex.hpp"

namespace freshet::cli {

std::string trusted_text(const topology::graph& graph) {
  for (const topology::role_spec* role : graph.roles_of(topology::role_kind::deployer)) {
    const auto& settings = std::get<config::deployer_settings>(role->settings);
    const auto keys = access::artefact_keys::read(access::artefact_key_file(settings.key_dir));
    if (keys) return delta::text_of(keys->trusted());
  }
  return {};
}

result<std::unique_ptr<port::enrolment_server>> open_desk(const topology::graph& graph, const topology::node_spec& node,
                                                          std::shared_ptr<port::socket_context> context,
                                                          std::shared_ptr<spdlog::logger> log) {
  FRESHET_TRY_ASSIGN(const rt::link_keys own, access::read_link_keys(access::link_key_file(graph.state_dir, node.name)));
  FRESHET_TRY_ASSIGN(access::access_list list, access::access_list::open(access::access_file(graph.state_dir, node.name)));
  auto desk = std::make_shared<access::enrolment>(std::move(list), [graph] { return trusted_text(graph); });
  const auto answer = [desk, log, clock = rt::real_clock()](const std::string& key, const std::string& address,
                                  const topology::enrol_request& asked) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    auto reply = desk->answer(key, address, asked, clock.now(), seconds.count());
    // The name comes from outside: shown only once the list has confirmed it.
    if (reply.accepted) {
      log->info("node {} enrolled key {} from {}", asked.node,
                to_hex(asked.successor.empty() ? key : std::string(asked.successor.begin(), asked.successor.end())),
                address);
    } else {
      log->warn("enrolment from {} refused: {}", address, reply.why);
    }
    return reply;
  };
  return port::enrolment_server::open(std::move(context), node.enrol, node.name, own, answer);
}

}  // namespace freshet::cli
