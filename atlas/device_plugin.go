// What Kubernetes' device plug-ins and the kubelet's registry do with their sockets, by Kubernetes' own
// API. Its plug-in for tests removes the path before it listens and after it has stopped, and so does
// this one:
//
//	device_plugin plugin PATH    serves a device, and registers with kubelet.sock beside PATH, if it is there
//	device_plugin kubelet PATH   registers plug-ins, and says what they tell
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

type plugin struct {
	api.UnimplementedDevicePluginServer
}

func (plugin) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	devices := []*api.Device{{ID: "one", Health: api.Healthy}}
	if err := stream.Send(&api.ListAndWatchResponse{Devices: devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

type kubelet struct {
	api.UnimplementedRegistrationServer
	directory string
}

func (k kubelet) Register(_ context.Context, request *api.RegisterRequest) (*api.Empty, error) {
	fmt.Println(request.ResourceName, "registers")
	go k.watch(path.Join(k.directory, request.Endpoint))
	return &api.Empty{}, nil
}

func (k kubelet) watch(endpoint string) {
	stream, err := api.NewDevicePluginClient(client(endpoint)).ListAndWatch(context.Background(), &api.Empty{})
	for err == nil {
		var list *api.ListAndWatchResponse
		if list, err = stream.Recv(); err == nil {
			fmt.Println("devices:", len(list.Devices))
		}
	}
	fmt.Println("gone:", err)
}

func client(path string) *grpc.ClientConn {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	connection, err := grpc.NewClient("unix:"+path, plain)
	end(err)
	return connection
}

func end(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	what, socket := os.Args[1], os.Args[2]
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	end(err)
	server := grpc.NewServer()
	if what == "kubelet" {
		api.RegisterRegistrationServer(server, kubelet{directory: path.Dir(socket)})
	} else {
		api.RegisterDevicePluginServer(server, plugin{})
	}
	go server.Serve(listener)
	registry := path.Join(path.Dir(socket), path.Base(api.KubeletSocket))
	if _, err := os.Stat(registry); what == "plugin" && err == nil {
		soon, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := api.NewRegistrationClient(client(registry)).Register(soon, &api.RegisterRequest{
			Version: api.Version, Endpoint: path.Base(socket), ResourceName: "example.org/device",
		})
		cancel()
		end(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
	server.Stop()
	os.Remove(socket)
}
