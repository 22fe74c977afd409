// The closed set of messages. A type's number on the wire is stable: append, never renumber.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "topology/message/address.hpp"
#include "topology/message/changes.hpp"
#include "topology/message/control.hpp"
#include "topology/message/samples.hpp"
#include "topology/message/updates.hpp"

namespace freshet::topology {

enum class delivery : std::uint8_t {
  control,     ///< small, uncredited, overtakes bulk; a lost one is sent again by its protocol
  sequenced,   ///< bulk: numbered, credited, resent until acknowledged, delivered in order, once per life
  pulled,      ///< bulk that was asked for: the receiver's requests bound it
};

template <class T>
struct message_traits;  // number, name, delivery

#define FRESHET_MESSAGE(Type, Number, Delivery)                     \
  template <>                                                       \
  struct message_traits<Type> {                                     \
    static constexpr std::uint16_t number = Number;                 \
    static constexpr std::string_view name = #Type;                 \
    static constexpr delivery how = delivery::Delivery;             \
  };

FRESHET_MESSAGE(link_hello, 1, control)
FRESHET_MESSAGE(link_ack, 2, control)
FRESHET_MESSAGE(error_reply, 3, control)
FRESHET_MESSAGE(stats_request, 4, control)
FRESHET_MESSAGE(stats_snapshot, 5, control)
FRESHET_MESSAGE(role_report, 6, control)
FRESHET_MESSAGE(pace, 7, sequenced)
FRESHET_MESSAGE(paced, 8, sequenced)
FRESHET_MESSAGE(tick_learned, 9, sequenced)
FRESHET_MESSAGE(stop_request, 10, control)
FRESHET_MESSAGE(observation_batch, 20, sequenced)
FRESHET_MESSAGE(uts_batch, 21, sequenced)
FRESHET_MESSAGE(label_request, 22, sequenced)
FRESHET_MESSAGE(labelled_batch, 23, sequenced)
FRESHET_MESSAGE(leases_consumed, 24, sequenced)
FRESHET_MESSAGE(samples_settled, 25, control)
FRESHET_MESSAGE(refresh_request, 30, sequenced)
FRESHET_MESSAGE(refresh_ready, 31, sequenced)
FRESHET_MESSAGE(version_committed, 32, sequenced)
FRESHET_MESSAGE(device_report, 33, control)
FRESHET_MESSAGE(artefact_offer, 34, control)
FRESHET_MESSAGE(chunk_request, 35, control)
FRESHET_MESSAGE(artefact_chunk, 36, pulled)
FRESHET_MESSAGE(trust_statement, 45, control)
FRESHET_MESSAGE(enrol_request, 50, control)
FRESHET_MESSAGE(enrol_reply, 51, control)
FRESHET_MESSAGE(stats_subscribe, 40, control)
FRESHET_MESSAGE(stats_delta, 41, control)
FRESHET_MESSAGE(stats_taken, 42, control)
FRESHET_MESSAGE(stats_end, 43, control)
FRESHET_MESSAGE(operator_request, 60, control)
FRESHET_MESSAGE(operator_answer, 61, control)
FRESHET_MESSAGE(topology_order, 62, control)
FRESHET_MESSAGE(node_report, 63, control)
FRESHET_MESSAGE(probe_outcomes, 53, control)
FRESHET_MESSAGE(slot_order, 54, control)
FRESHET_MESSAGE(mirror_return, 55, sequenced)
#undef FRESHET_MESSAGE

using any_message =
    std::variant<link_hello, link_ack, error_reply, stats_request, stats_snapshot, role_report, pace, paced,
                 tick_learned, stop_request, observation_batch, uts_batch, label_request, labelled_batch,
                 leases_consumed, refresh_request, refresh_ready, version_committed, device_report, artefact_offer,
                 chunk_request, artefact_chunk, operator_request, operator_answer, topology_order, node_report,
                 samples_settled, trust_statement, enrol_request, enrol_reply, stats_subscribe, stats_delta, stats_taken,
                 stats_end, probe_outcomes, slot_order, mirror_return>;

[[nodiscard]] inline std::string_view name_of(const any_message& m) {
  return std::visit([](const auto& x) { return message_traits<std::decay_t<decltype(x)>>::name; }, m);
}
[[nodiscard]] inline std::uint16_t number_of(const any_message& m) {
  return std::visit([](const auto& x) { return message_traits<std::decay_t<decltype(x)>>::number; }, m);
}
[[nodiscard]] inline delivery delivery_of(const any_message& m) {
  return std::visit([](const auto& x) { return message_traits<std::decay_t<decltype(x)>>::how; }, m);
}

}  // namespace freshet::topology
