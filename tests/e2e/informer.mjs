// An informer of @kubernetes/client-node that goes on after every error, as its documentation shows. Prints one JSON line for
// each event; run by clients_walk.py.  informer.mjs PACKAGE KUBECONFIG NAMESPACE
import { pathToFileURL } from 'node:url';

const [, , folder, kubeconfig, namespace] = process.argv;
const k8s = await import(pathToFileURL(`${folder}/dist/index.js`).href);
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');

const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
const api = config.makeApiClient(k8s.CoreV1Api);
const path = `/api/v1/namespaces/${namespace}/secrets`;
const list = async () => {
  const found = await api.listNamespacedSecret({ namespace });
  say({ list: found.metadata.resourceVersion, names: found.items.map((item) => item.metadata.name) });
  return found;
};

const informer = k8s.makeInformer(config, path, list);
for (const event of ['add', 'update', 'delete'])
  informer.on(event, (object) => say({ event: event.toUpperCase(), name: object.metadata.name, version: object.metadata.resourceVersion }));
informer.on('connect', () => say({ connected: true }));
informer.on('error', (error) => {
  say({ error: String(error) });
  const again = () => informer.start().catch(() => setTimeout(again, 50));
  setTimeout(again, 50);
});
const begin = () => informer.start().catch(() => setTimeout(begin, 50));
begin();
