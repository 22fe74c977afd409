#include "actors/port/port_actor.hpp"

#include <algorithm>
#include <future>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/others.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>
#include <spdlog/spdlog.h>

#include "actors/port/port_loop.hpp"
#include "actors/rt/role_actor.hpp"

namespace freshet::port {

namespace {

using namespace actors;

using bound_promise = std::promise<result<std::vector<std::string>>>;

constexpr std::size_t mail_per_round = 256;
constexpr std::chrono::milliseconds close_patience{5000};

class port_actor final : public caf::blocking_actor {
 public:
  port_actor(caf::actor_config& config, port_loop::setup setup, std::shared_ptr<bound_promise> bound,
             std::shared_ptr<rt::latch> closed)
      : caf::blocking_actor(config), setup_(std::move(setup)), bound_(std::move(bound)), closed_(std::move(closed)) {}

  // Called in the sender's thread: the one place where mail becomes something that poll can see.
  void enqueue(caf::mailbox_element_ptr mail, caf::execution_unit* unit) override {
    caf::blocking_actor::enqueue(std::move(mail), unit);
    setup_.wake->wake();
  }

  void act() override {
    {
      port_loop loop(setup_);
      auto endpoints = loop.open();
      const bool ok = endpoints.ok();
      bound_->set_value(std::move(endpoints));
      if (ok) run(loop);
    }
    closed_->open();
  }

 private:
  // Only a fault of ours gets here as an exception; a node without its port cannot go on, so the
  // port ends, which the node shows as its own failure.
  void run(port_loop& loop) {
    try {
      while (true) {
        loop.send_waiting();
        if (loop.done()) return;
        loop.wait_and_receive();
        read_mail(loop);
      }
    } catch (const std::exception& e) {
      setup_.log->critical("{}: the port failed: {}", setup_.config.node, e.what());
    }
  }

  // Without the catch-all an unexpected message would stay in front and the loop would spin.
  void read_mail(port_loop& loop) {
    std::size_t taken = 0;
    receive_while([&] { return taken++ < mail_per_round && has_next_message(); })(
        [&](send_parcels& m) { loop.submit(m.parcels); },
        [&](const register_role& m) { loop.register_role(m.role, mailbox_of(m)); },
        [&](const forget_role& m) { loop.forget_role(m.role); },
        [&](const connect_peer& m) { loop.connect(m.node, m.endpoint, m.server_key); },
        [&](const disconnect_peer& m) { loop.disconnect(m.node); },
        [&](stop) { loop.begin_stop(); },
        [&](get_stats) { return setup_.traffic->snapshot().json(); },
        [&](const caf::exit_msg& m) {
          if (m.reason) loop.begin_stop();
        },
        [](const caf::down_msg&) {},
        caf::others >> [](caf::message_view&) -> caf::result<caf::message> { return caf::sec::unexpected_message; });
    if (has_next_message()) setup_.wake->wake();
  }

  // Control overtakes in the mailbox as it does on the wire.
  [[nodiscard]] receiver mailbox_of(const register_role& m) const {
    return [to = m.handle, waiting = m.waiting, most = setup_.config.limits.mailbox_messages](
               std::vector<topology::parcel> parcels, time_point arrived) -> std::size_t {
      const auto room = std::max<std::int64_t>(0, most - waiting->load(std::memory_order_relaxed));
      if (parcels.size() > static_cast<std::size_t>(room)) parcels.resize(static_cast<std::size_t>(room));
      const std::size_t taken = parcels.size();
      if (taken == 0) return 0;
      waiting->fetch_add(static_cast<std::int64_t>(taken), std::memory_order_relaxed);
      const bool urgent = topology::delivery_of(parcels.front().body) == topology::delivery::control;
      deliver mail{std::move(parcels), arrived};
      if (urgent)
        caf::anon_send<caf::message_priority::high>(to, std::move(mail));
      else
        caf::anon_send(to, std::move(mail));
      return taken;
    };
  }

  port_loop::setup setup_;
  std::shared_ptr<bound_promise> bound_;
  std::shared_ptr<rt::latch> closed_;
};

}  // namespace

result<std::shared_ptr<rt::opened_port>> open_port(rt::system& engine, std::shared_ptr<socket_context> context,
                                                   rt::port_config config) {
  if (config.node.empty()) return error{errc::invalid_argument, "a port needs the name of its node"};
  auto opened = std::make_shared<rt::opened_port>();
  opened->traffic = std::make_shared<rt::traffic_meter>(config.node);
  opened->closed = std::make_shared<rt::latch>();
  auto bound = std::make_shared<bound_promise>();
  auto outcome = bound->get_future();
  port_loop::setup setup;
  setup.life = config.life ? *config.life : rt::draw_life();
  setup.context = std::move(context);
  setup.wake = std::make_shared<wake_fd>();
  setup.clock = engine.clock();
  setup.traffic = opened->traffic;
  setup.log = engine.log();
  auto alive = engine.alive();
  const auto ticket = alive->enter(config.node + "/port");
  setup.config = std::move(config);
  auto actor = engine.actors().spawn<port_actor>(std::move(setup), bound, opened->closed);
  caf::actor_cast<caf::abstract_actor*>(actor)->attach_functor([alive, ticket] { alive->leave(ticket); });
  // A blocking actor has no typed interface of its own; read_mail() above answers to this one.
  opened->handle = caf::actor_cast<port_handle>(actor);
  auto endpoints = outcome.get();
  if (!endpoints) {
    // Its sockets close next; whoever tries again at once must not meet them.
    opened->closed->wait(close_patience);
    return endpoints.err();
  }
  opened->endpoints = std::move(endpoints).value();
  return opened;
}

}  // namespace freshet::port
