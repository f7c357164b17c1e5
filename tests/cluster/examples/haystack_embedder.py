import ray
from haystack import Document

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder


class Embedder:
    """One component for each worker."""

    def __init__(self) -> None:
        self.embedder = RequestyDocumentEmbedder(model="openai/text-embedding-3-small", progress_bar=False)
        self.embedder.warm_up()

    def __call__(self, batch: dict) -> dict:
        documents = [Document(content=text) for text in batch["text"]]
        embedded = self.embedder.run(documents=documents)["documents"]
        return {**batch, "vector": [document.embedding for document in embedded]}


texts = ray.data.from_items([{"text": f"text {number}"} for number in range(200)], override_num_blocks=4)
workers = ray.data.ActorPoolStrategy(size=2)
embedded = texts.map_batches(Embedder, batch_size=50, compute=workers, num_cpus=0.5).take_all()
assert len(embedded) == 200
assert all(len(row["vector"]) == 1536 for row in embedded)
