// The distiller trains through the base that its devices run: after every update the device, which only ever
// got the values, answers as the mirror does, bit for bit, in batches of other sizes.
#include "kernels/distill/learner.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/model/generate.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/quantise_model.hpp"
#include "tests/kernels/distill/support.hpp"
#include "tests/support/temporary_folder.hpp"

namespace freshet::distill {
namespace {

model::lora_spec adapter_of_line() {
  model::lora_spec spec;
  spec.rank = 2;
  spec.alpha = 4;
  spec.targets = {"q_proj", "v_proj", "fc1", "down_proj", "linear_1", "conv"};
  return spec;
}

/// Widths that 4 bits divide.
model::model_config wide_config() {
  model::model_config c = tiny_config();
  c.vision->hidden_size = 32;
  c.text.hidden_size = 32;
  c.text.intermediate_size = 96;
  c.text.head_dim = 8;
  c.text.max_position_embeddings = 64;
  c.projector->image_token_id = 3;
  return c;
}

std::vector<std::uint8_t> picture(rng& draw, bool bright) {
  std::vector<std::uint8_t> bytes(tiny_cells * tiny_patch_bytes);
  for (auto& b : bytes) b = static_cast<std::uint8_t>((bright ? 160 : 0) + draw.below(90));
  return bytes;
}

sample_handle labelled(rng& draw) {
  auto s = std::make_shared<labelled_sample>();
  const auto question = static_cast<std::int32_t>(draw.below(4));
  const bool bright = draw.chance(0.5);
  s->patches = host_tensor::of(picture(draw, bright), {tiny_cells, tiny_patch_bytes});
  for (std::int64_t i = 0; i < tiny_cells; ++i) s->positions.push_back(i);
  s->prompt = {4, 5 + question};
  s->answer = {20 + 2 * question + (bright ? 1 : 0), tiny_end};
  return s;
}

struct asked {
  at::Tensor patches;  ///< [n, 16, 48]
  std::vector<std::vector<std::int32_t>> prompts;
};

asked questions(std::int64_t n) {
  rng draw(31);
  asked out;
  out.patches = at::empty({n, tiny_cells, tiny_patch_bytes});
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bytes = picture(draw, draw.chance(0.5));
    for (std::size_t j = 0; j < bytes.size(); ++j) {
      out.patches.data_ptr<float>()[i * tiny_cells * tiny_patch_bytes + static_cast<std::int64_t>(j)] =
          static_cast<float>(bytes[j]) / 127.5F - 1;
    }
    out.prompts.push_back({4, 5 + static_cast<std::int32_t>(i % 4)});
  }
  return out;
}

/// Answers questions [first, first + count) in one batch.
model::generated answer(const model::multimodal& m, const asked& q, std::int64_t first, std::int64_t count) {
  const at::NoGradGuard no_grad;
  model::visual_input visual;
  visual.patches = q.patches.narrow(0, first, count);
  model::generation_options options;
  options.max_new_tokens = 3;
  const std::vector<std::vector<std::int32_t>> prompts(q.prompts.begin() + first, q.prompts.begin() + first + count);
  return model::generate(m, m.visual_tokens(visual), {}, prompts, options);
}

class quantised_mirror : public ::testing::TestWithParam<int> {};

TEST_P(quantised_mirror, answers_as_its_device_does_after_fifty_updates) {
  const test::temporary_folder folder;
  const model::quantisation_config format{GetParam(), GetParam() == 8 ? -1 : 32};
  {
    const auto made = model::quantise_model(model::multimodal::random(wide_config(), 3), {format, model::rounding::nearest, 8},
                                            [](const model::multimodal&) {}, [](const std::string&, double) {});
    ASSERT_TRUE(made.ok()) << made.err().text();
    const auto saved = made->save(folder.path());
    ASSERT_TRUE(saved.ok()) << saved.err().text();
  }
  // Two hosts that read the same folder.
  auto in_cloud = model::multimodal::load(folder.path());
  auto device = model::multimodal::load(folder.path());
  ASSERT_TRUE(in_cloud.ok() && device.ok());
  const model::lora_spec spec = adapter_of_line();
  ASSERT_TRUE(in_cloud->attach(spec).ok());
  ASSERT_TRUE(device->attach(spec).ok());
  EXPECT_EQ(model::line_of(*in_cloud, spec), model::line_of(*device, spec));
  const auto line = model::line_of(*device, spec);

  learner_options options;
  options.learning_rate = options.final_learning_rate = 5e-3;
  options.warm_up_steps = 0;
  options.batch = 16;
  learner mirror(std::move(in_cloud).value(), options, 0);
  const model::trainable_set on_device = model::trainable_set::of(device->weights());
  rng draw(9);
  for (int i = 0; i < 96; ++i) ASSERT_TRUE(mirror.add(labelled(draw)).has_value());

  constexpr std::int64_t all = 11;
  const asked q = questions(all);
  const auto first_answers = answer(*device, q, 0, all).tokens;
  double first_loss = 0;
  double last_loss = 0;
  for (int update = 0; update < 50; ++update) {
    for (int step = 0; step < 3; ++step) last_loss = mirror.step().loss;
    if (update == 0) first_loss = last_loss;
    ASSERT_TRUE(on_device.write(mirror.values()).ok());
    // The mirror in one batch; the device by one, in threes and in another odd size.
    const model::generated cloud = answer(mirror.student(), q, 0, all);
    const std::int64_t at_once = update % 3 == 0 ? 1 : update % 3 == 1 ? 3 : 7;
    for (std::int64_t first = 0; first < all; first += at_once) {
      const std::int64_t count = std::min(at_once, all - first);
      const model::generated got = answer(*device, q, first, count);
      for (std::int64_t i = 0; i < count; ++i) {
        ASSERT_EQ(got.tokens[static_cast<std::size_t>(i)], cloud.tokens[static_cast<std::size_t>(first + i)]) << update;
        const auto positions = static_cast<std::int64_t>(got.tokens[static_cast<std::size_t>(i)].size());
        const at::Tensor mine = got.logits[i].narrow(0, 0, positions).contiguous();
        const at::Tensor theirs = cloud.logits[first + i].narrow(0, 0, positions).contiguous();
        ASSERT_EQ(std::memcmp(mine.data_ptr<float>(), theirs.data_ptr<float>(), static_cast<std::size_t>(mine.nbytes())), 0)
            << "update " << update << ", question " << first + i << ", " << at_once << " at once: off by "
            << (mine - theirs).abs().max().item<double>();
      }
    }
  }
  EXPECT_LT(last_loss, 0.7 * first_loss);
  EXPECT_NE(answer(*device, q, 0, all).tokens, first_answers);
  // The base itself did not move.
  auto again = model::multimodal::load(folder.path());
  ASSERT_TRUE(again.ok() && again->attach(spec).ok());
  EXPECT_EQ(model::line_of(*again, spec), line);
}

INSTANTIATE_TEST_SUITE_P(bits, quantised_mirror, ::testing::Values(8, 4));

}  // namespace
}  // namespace freshet::distill
