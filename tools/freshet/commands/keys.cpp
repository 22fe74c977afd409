// freshet keys new|list|enrol|token|join|rotate|revoke: who may come in, and whose artefacts are taken.
#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "actors/access/access_list.hpp"
#include "actors/access/artefact_keys.hpp"
#include "actors/access/key_file.hpp"
#include "actors/port/enrolment_client.hpp"
#include "config/quantity.hpp"
#include "config/schema/node.hpp"
#include "kernels/base/hex.hpp"
#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/topology_options.hpp"
#include "tools/freshet/exit_codes.hpp"
#include "tools/freshet/paths.hpp"
#include "topology/message/address.hpp"

namespace freshet::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds desk_patience{10'000};
constexpr std::size_t link_key_digits = 64;

struct keys_options {
  topology_options topology;
  std::string node;
  std::string key;
  std::string on;
  std::string token;
  std::string lifetime = "24h";
  bool artefacts = false;
  bool as_json = false;
};

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string whoami() {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : "uid " + std::to_string(::geteuid());
}

std::string time_text(std::int64_t seconds) {
  if (seconds == 0) return "–";
  const auto t = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&t, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

json time_json(std::int64_t seconds) { return seconds == 0 ? json() : json(time_text(seconds)); }

rt::key_owner owner_of(const std::string& node) { return {node, topology::is_console_name(node)}; }

error usage(const std::string& what) { return {errc::invalid_argument, what}; }

/// The node whose list is meant: the only one that lets others in, or the one of --on.
result<const topology::node_spec*> listener(const topology::graph& g, const std::string& on) {
  std::vector<const topology::node_spec*> found;
  for (const auto& node : g.nodes)
    if (!node.public_key.empty() && (on.empty() || node.name == on)) found.push_back(&node);
  if (found.size() == 1) return found.front();
  if (!found.empty()) return usage("several nodes let others in; say which with --on NODE");
  if (!on.empty()) return usage("node " + on + " is not one that lets others in by key (nodes.public_key)");
  return usage(g.file + ": no node has a public_key, so none lets others in by key; local sockets need no keys");
}

result<access::access_list> open_list(const topology::graph& g, const std::string& on) {
  FRESHET_TRY_ASSIGN(const topology::node_spec* node, listener(g, on));
  const auto file = access::access_file(g.state_dir, node->name);
  FRESHET_TRY(access::make_private_folder(file.parent_path()));
  return access::access_list::open(file);
}

result<std::filesystem::path> artefact_file(const topology::graph& g) {
  const auto roles = g.roles_of(topology::role_kind::deployer);
  if (roles.empty()) return error{errc::not_found, g.file + ": no deployer, so nothing is signed"};
  return access::artefact_key_file(std::get<config::deployer_settings>(roles.front()->settings).key_dir);
}

int finish(const result<void>& done) { return done.ok() ? static_cast<int>(exit_ok) : report(done.err()); }

// --- new ----------------------------------------------------------------------------------------

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
  std::cout << delta::text_of(keys.trusted());
  return {};
}

// --- list ---------------------------------------------------------------------------------------

json json_of(const access::listed_key& k) {
  return {{"node", k.node},          {"kind", k.console ? "console" : "node"},
          {"public_key", to_hex(k.public_key)}, {"state", k.revoked_at == 0 ? "allowed" : "revoked"},
          {"added_at", time_json(k.added_at)},  {"added_by", k.added_by},
          {"revoked_at", time_json(k.revoked_at)}, {"revoked_by", k.revoked_by}};
}

std::string state_of(const access::listed_token& t) {
  if (t.used_at != 0) return "used";
  return now_s() >= t.expires_at ? "expired" : "open";
}

json json_of(const access::listed_token& t) {
  return {{"node", t.node},         {"kind", t.console ? "console" : "node"}, {"id", t.id},
          {"state", state_of(t)},   {"given_at", time_json(t.given_at)},      {"given_by", t.given_by},
          {"expires_at", time_json(t.expires_at)}, {"used_at", time_json(t.used_at)}};
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text + "  ";
}

void print_artefact_keys(const access::artefact_keys& keys) {
  for (const auto& key : keys.trusted().keys) {
    const bool signs = key.id() == keys.signer().open_half().id();
    std::cout << "artefact key  " << delta::text_of(key.id()) << "  " << (signs ? "signs" : "trusted") << '\n';
  }
}

result<void> list(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
  const auto artefacts = access::artefact_keys::read(file);
  if (!artefacts && artefacts.err().code != errc::not_found) return artefacts.err();
  if (o.artefacts) {
    if (!artefacts) return artefacts.err();
    // As a device's file of trusted keys: to be copied where no desk brings it.
    std::cout << delta::text_of(artefacts->trusted());
    return {};
  }
  std::vector<access::listed_key> keys;
  std::vector<access::listed_token> tokens;
  if (auto of = listener(topology.graph, o.on); of.ok()) {
    FRESHET_TRY_ASSIGN(access::access_list l, open_list(topology.graph, o.on));
    FRESHET_TRY_ASSIGN(keys, l.keys());
    FRESHET_TRY_ASSIGN(tokens, l.tokens());
  } else if (!o.on.empty() || !artefacts) {
    return of.err();
  }
  if (o.as_json) {
    json all{{"keys", json::array()}, {"tokens", json::array()}, {"artefact_keys", json::array()}};
    for (const auto& k : keys) all["keys"].push_back(json_of(k));
    for (const auto& t : tokens) all["tokens"].push_back(json_of(t));
    if (artefacts) {
      all["trusted_serial"] = artefacts->trusted().serial;
      for (const auto& key : artefacts->trusted().keys) {
        all["artefact_keys"].push_back(
            {{"id", delta::text_of(key.id())}, {"signs", key.id() == artefacts->signer().open_half().id()}});
      }
    }
    std::cout << all.dump() << '\n';
    return {};
  }
  for (const auto& k : keys) {
    std::cout << padded(k.node, 20) << padded(k.revoked_at == 0 ? "allowed" : "revoked", 8) << to_hex(k.public_key)
              << "  since " << time_text(k.revoked_at == 0 ? k.added_at : k.revoked_at) << " by "
              << (k.revoked_at == 0 ? k.added_by : k.revoked_by) << '\n';
  }
  for (const auto& t : tokens) {
    std::cout << padded(t.node, 20) << padded("token " + state_of(t), 14) << t.id << "  until "
              << time_text(t.expires_at) << " by " << t.given_by << '\n';
  }
  if (artefacts) print_artefact_keys(*artefacts);
  return {};
}

// --- enrol, token, revoke: where the list is -------------------------------------------------------

result<void> enrol(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(access::access_list list, open_list(topology.graph, o.on));
  const auto key = from_hex(o.key);
  if (!key || o.key.size() != link_key_digits)
    return usage("\"" + o.key + "\": " + config::public_key_problem(o.key));
  const rt::key_owner owner = owner_of(o.node);
  if (!owner.console && topology.graph.find_node(o.node) == nullptr)
    return usage(topology.graph.file + ": no node " + o.node + "; a key speaks for a node of the topology, or for console-NAME");
  FRESHET_TRY(list.allow(*key, owner, now_s(), whoami()));
  std::cout << "key " << o.key << " may speak for " << o.node << '\n';
  return {};
}

result<void> token(const keys_options& o) {
  const auto lifetime = config::parse_duration(o.lifetime);
  if (!lifetime || lifetime->count() < 1000) return usage("--for " + o.lifetime + ": a duration of a second or more is right");
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(access::access_list list, open_list(topology.graph, o.on));
  const rt::key_owner owner = owner_of(o.node);
  if (!owner.console && topology.graph.find_node(o.node) == nullptr)
    return usage(topology.graph.file + ": no node " + o.node);
  FRESHET_TRY_ASSIGN(const std::string given, list.give_token(owner, now_s(), lifetime->count() / 1000, whoami()));
  if (o.as_json) {
    std::cout << json{{"node", o.node}, {"token", given}, {"expires_at", time_text(now_s() + lifetime->count() / 1000)}}.dump()
              << '\n';
  } else {
    std::cout << given << '\n';
    std::cerr << "Good once, within " << o.lifetime << ", for node " << o.node << ". It is shown only here.\n";
  }
  return {};
}

result<void> revoke(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  const auto key = from_hex(o.key);
  if (!key) return usage("\"" + o.key + "\" is no key; `freshet keys list` shows them");
  if (key->size() == delta::key_id_bytes) {
    FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
    FRESHET_TRY_ASSIGN(access::artefact_keys keys, access::artefact_keys::read(file));
    delta::key_id id{};
    std::copy(key->begin(), key->end(), id.begin());
    FRESHET_TRY(keys.revoke(id));
    FRESHET_TRY(keys.write(file));
    std::cout << "artefact key " << o.key << " is revoked; devices hear of it with their next report\n";
    return {};
  }
  FRESHET_TRY_ASSIGN(access::access_list list, open_list(topology.graph, o.on));
  FRESHET_TRY(list.revoke(*key, now_s(), whoami()));
  std::cout << "key " << o.key << " is revoked; a running daemon refuses it within a second\n";
  return {};
}

// --- join, rotate: where the key is ---------------------------------------------------------------

result<port::desk> desk_of(const topology::graph& g, const std::string& on) {
  FRESHET_TRY_ASSIGN(const topology::node_spec* node, listener(g, on));
  if (node->enrol.empty()) return usage("node " + node->name + " has no desk (nodes.enrol); enrol keys there by hand");
  return port::desk{node->name, node->enrol, from_hex(node->public_key).value_or("")};
}

result<void> take_trusted(const topology::graph& g, const std::string& node, const std::string& text) {
  for (const topology::role_spec* role : g.roles_on(node)) {
    const auto* device = std::get_if<config::device_settings>(&role->settings);
    if (device == nullptr) continue;
    if (text.empty()) {
      std::cout << "The desk has no artefact keys: copy `freshet keys list --artefacts` of the deployer's host to "
                << device->trusted_keys << '\n';
      continue;
    }
    FRESHET_TRY(delta::read_trust_list(text, "the desk's answer"));
    const std::filesystem::path file = device->trusted_keys;
    FRESHET_TRY(access::make_private_folder(file.parent_path()));
    FRESHET_TRY(access::write_private_file(file, text, access::existing::replace));
    std::cout << "trusted artefact keys are in " << file.string() << '\n';
  }
  return {};
}

result<void> join(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const port::desk desk, desk_of(topology.graph, o.on));
  const auto file = access::link_key_file(topology.graph.state_dir, o.node);
  FRESHET_TRY(access::make_private_folder(file.parent_path()));
  auto keys = access::read_link_keys(file);
  if (!keys && keys.err().code == errc::not_found) {
    keys = access::draw_link_keys();
    FRESHET_TRY(access::write_link_keys(file, *keys, access::existing::keep));
  }
  if (!keys) return keys.err();
  FRESHET_TRY_ASSIGN(const auto reply, port::ask_enrolment(desk, *keys, {o.node, o.token, {}}, desk_patience));
  if (!reply.accepted) return error{errc::invalid_argument, "node " + desk.node + " refuses: " + reply.why};
  std::cout << "node " << o.node << " is enrolled with key " << to_hex(keys->public_key) << '\n';
  return take_trusted(topology.graph, o.node, reply.trusted);
}

result<void> rotate_artefacts(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const auto file, artefact_file(topology.graph));
  FRESHET_TRY_ASSIGN(access::artefact_keys keys, access::artefact_keys::read(file));
  FRESHET_TRY(keys.rotate());
  FRESHET_TRY(keys.write(file));
  print_artefact_keys(keys);
  std::cout << "Devices hear of it with their next report. Once all have, `freshet keys revoke` the old one.\n";
  return {};
}

result<void> rotate_link(const keys_options& o) {
  FRESHET_TRY_ASSIGN(const auto topology, load_running_topology(o.topology));
  FRESHET_TRY_ASSIGN(const port::desk desk, desk_of(topology.graph, o.on));
  const auto file = access::link_key_file(topology.graph.state_dir, o.node);
  FRESHET_TRY_ASSIGN(const rt::link_keys old, access::read_link_keys(file));
  // On the disk before the desk hears of it: whatever dies in between, no allowed key is lost.
  const std::filesystem::path beside = file.string() + ".next";
  auto next = access::read_link_keys(beside);
  if (!next && next.err().code == errc::not_found) {
    next = access::draw_link_keys();
    FRESHET_TRY(access::write_link_keys(beside, *next, access::existing::keep));
  }
  if (!next) return next.err();
  FRESHET_TRY_ASSIGN(const auto reply,
                     port::ask_enrolment(desk, old, {o.node, {}, {next->public_key.begin(), next->public_key.end()}},
                                         desk_patience));
  if (!reply.accepted) return error{errc::invalid_argument, "node " + desk.node + " refuses: " + reply.why};
  FRESHET_TRY(access::write_link_keys(file, *next, access::existing::replace));
  std::error_code ignored;
  std::filesystem::remove(beside, ignored);
  std::cout << "node " << o.node << " has key " << to_hex(next->public_key) << " from its next start on.\nThen, on the host of "
            << desk.node << ": `freshet keys revoke " << to_hex(old.public_key) << "`.\n";
  return {};
}

using doer = result<void> (*)(const keys_options&);

CLI::App* add(CLI::App& keys, const std::shared_ptr<keys_options>& o, const char* name, const char* what, doer act,
              action& chosen) {
  CLI::App* command = keys.add_subcommand(name, what);
  o->topology.add_state_to(*command);
  command->callback([o, act, &chosen] { chosen = [o, act] { return finish(act(*o)); }; });
  return command;
}

}  // namespace

void add_keys(CLI::App& app, action& chosen) {
  CLI::App* keys = app.add_subcommand("keys", "Who may come in over tcp, and whose artefacts devices take");
  keys->footer(
      "A device joins in three steps:\n"
      "  cloud:   freshet keys token edge-7               prints a one-time token\n"
      "  device:  freshet keys join edge-7 --token TOKEN  makes its key and brings it into the cloud's list\n"
      "  device:  freshet run --node edge-7\n"
      "Changes are in force within a second, without a disconnect of others. docs/security.md tells the rest.");
  keys->require_subcommand(1);
  const auto o = std::make_shared<keys_options>();
  const auto node = [&](CLI::App* command, const char* what) { command->add_option("NODE", o->node, what)->required(); };
  const auto document = [&](CLI::App* command) { o->topology.add_file_to(*command); };
  const auto on = [&](CLI::App* command) {
    command->add_option("--on", o->on, "The node whose list is meant, where several let others in")->option_text("NODE");
  };

  CLI::App* c = add(*keys, o, "new", "Make a node's key pair, or the keys that sign artefacts",
                    [](const keys_options& k) -> result<void> {
                      if (k.artefacts == !k.node.empty()) return usage("name a node, or say --artefacts");
                      return k.artefacts ? make_artefact_keys(k) : make_link_key(k);
                    },
                    chosen);
  c->add_option("NODE", o->node, "Node of the topology, or console-NAME for an operator");
  c->add_flag("--artefacts", o->artefacts, "The deployer's keys instead");
  c->add_flag("--json", o->as_json, "As JSON");
  document(c);

  c = add(*keys, o, "list", "Keys, tokens and artefact keys", list, chosen);
  c->add_flag("--json", o->as_json, "As JSON");
  c->add_flag("--artefacts", o->artefacts, "Only the list of artefact keys, as a device's trusted_keys file");
  document(c);
  on(c);

  c = add(*keys, o, "enrol", "Let a key in, by hand", enrol, chosen);
  node(c, "Whom it speaks for: a node of the topology, or console-NAME");
  c->add_option("KEY", o->key, "Its public half, 64 hexadecimal digits")->required();
  document(c);
  on(c);

  c = add(*keys, o, "token", "Give out a one-time token with which a node enrols itself", token, chosen);
  node(c, "Whom its key will speak for");
  c->add_option("--for", o->lifetime, "How long it is good (24h)")->option_text("DURATION");
  c->add_flag("--json", o->as_json, "As JSON");
  document(c);
  on(c);

  c = add(*keys, o, "join", "On a device: make its key and bring it into the cloud's list", join, chosen);
  node(c, "The node that this host will run");
  c->add_option("--token", o->token, "From `freshet keys token`")->required();
  document(c);
  on(c);

  c = add(*keys, o, "rotate", "Go on to a new key; the old one stays good until it is revoked",
          [](const keys_options& k) -> result<void> {
            if (k.artefacts == !k.node.empty()) return usage("name a node of this host, or say --artefacts");
            return k.artefacts ? rotate_artefacts(k) : rotate_link(k);
          },
          chosen);
  c->add_option("NODE", o->node, "On its own host");
  c->add_flag("--artefacts", o->artefacts, "The key that signs artefacts, on the deployer's host");
  document(c);
  on(c);

  c = add(*keys, o, "revoke", "Shut a key out, for good", revoke, chosen);
  c->add_option("KEY", o->key, "A public link key (64 digits), or the id of an artefact key (16)")->required();
  document(c);
  on(c);
}

}  // namespace freshet::cli
