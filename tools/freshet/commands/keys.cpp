// freshet keys new|list|enrol|token|join|rotate|revoke: who may come in, and whose artefacts are taken. The command
// line; what each does is in keys_*.cpp.
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/freshet/commands/commands.hpp"
#include "tools/freshet/commands/keys_actions.hpp"
#include "tools/freshet/exit_codes.hpp"

namespace freshet::cli {
namespace {

int finish(const result<void>& done) { return done.ok() ? static_cast<int>(exit_ok) : report(done.err()); }

using doer = result<void> (*)(const keys_options&);

CLI::App* add(CLI::App& keys, const std::shared_ptr<keys_options>& o, const char* name, const char* what, doer act,
              action& chosen) {
  CLI::App* command = keys.add_subcommand(name, what);
  o->topology.add_state_to(*command);
  o->topology.add_file_to(*command);
  command->add_flag("--json", o->as_json, "As JSON, for programs");
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

  c = add(*keys, o, "list", "Keys, tokens and artefact keys", list_keys, chosen);
  c->add_flag("--artefacts", o->artefacts, "Only the list of artefact keys, as a device's trusted_keys file");
  on(c);

  c = add(*keys, o, "enrol", "Let a key in, by hand", enrol_key, chosen);
  node(c, "Whom it speaks for: a node of the topology, or console-NAME");
  c->add_option("KEY", o->key, "Its public half, 64 hexadecimal digits")->required();
  on(c);

  c = add(*keys, o, "token", "Give out a one-time token with which a node enrols itself", give_token, chosen);
  node(c, "Whom its key will speak for");
  c->add_option("--for", o->lifetime, "How long it is good (24h)")->option_text("DURATION");
  on(c);

  c = add(*keys, o, "join", "On a device: make its key and bring it into the cloud's list", join_cloud, chosen);
  node(c, "The node that this host will run");
  c->add_option("--token", o->token, "From `freshet keys token`")->required();
  on(c);

  c = add(*keys, o, "rotate", "Go on to a new key; the old one stays good until it is revoked",
          [](const keys_options& k) -> result<void> {
            if (k.artefacts == !k.node.empty()) return usage("name a node of this host, or say --artefacts");
            return k.artefacts ? rotate_artefact_keys(k) : rotate_link_key(k);
          },
          chosen);
  c->add_option("NODE", o->node, "On its own host");
  c->add_flag("--artefacts", o->artefacts, "The key that signs artefacts, on the deployer's host");
  on(c);

  c = add(*keys, o, "revoke", "Shut a key out, for good", revoke_key, chosen);
  c->add_option("KEY", o->key, "A public link key (64 digits), or the id of an artefact key (16)")->required();
  on(c);
}

}  // namespace freshet::cli
