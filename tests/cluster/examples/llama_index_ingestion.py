import ray
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter

from llama_index.embeddings.requesty import RequestyEmbedding


class Ingestion:
    """One pipeline for each worker: it splits documents and embeds the pieces."""

    def __init__(self) -> None:
        embedder = RequestyEmbedding(model_name="openai/text-embedding-3-small")
        self.pipeline = IngestionPipeline(transformations=[SentenceSplitter(chunk_size=64, chunk_overlap=0), embedder])

    def __call__(self, batch: dict) -> dict:
        pairs = zip(batch["id"], batch["text"], strict=True)
        documents = [Document(text=text, metadata={"id": int(number)}) for number, text in pairs]
        nodes = self.pipeline.run(documents=documents)
        return {
            "id": [node.metadata["id"] for node in nodes],
            "piece": [node.get_content() for node in nodes],
            "vector": [node.embedding for node in nodes],
        }


texts = [{"id": number, "text": f"Document {number}. " + "One more sentence. " * 40} for number in range(40)]
documents = ray.data.from_items(texts, override_num_blocks=4)
workers = ray.data.ActorPoolStrategy(size=2)
pieces = documents.map_batches(Ingestion, batch_size=10, compute=workers, num_cpus=0.5).take_all()
assert {row["id"] for row in pieces} == set(range(40))
assert len(pieces) > 40
assert all(len(row["vector"]) == 1536 for row in pieces)
